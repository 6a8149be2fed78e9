"""Recognize speech on the local stack, by a simulated vendor and by the recognizer as a vendor."""

import pytest

from devstack.settings import OWN_ENGINE, VENDOR_PARAMETERS
from recognizer.process import RecognizerProcess
from tests.support.scanned_stack import SearchedStack
from tests.support.speech import mandarin
from tests.support.stack_client import Journey

MOST_ERRORS = 0.15  # tests/contract/test_recognition.py
REGION = "ap-east-1"
VENDORS = ["volcengine-bigmodel", *([OWN_ENGINE] if OWN_ENGINE in VENDOR_PARAMETERS else [])]
(SPOKEN,) = (each for each in mandarin() if each.path.stem == "weather")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recognition")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RECOGNIZER")
        recognizer = RecognizerProcess(pytest.fail, folder / "recognizer.log")
        stack = SearchedStack(region=REGION, recognizer=recognizer, log_dir=folder)
        with recognizer, stack:
            stack.recognizer = recognizer
            yield stack


def test_speech_is_recognized_although_the_engine_crashes(stack):
    """Kill the recognizer during recognition; every job completes, and each transcript has the words."""
    journey, body = Journey(stack), SPOKEN.path.read_bytes()
    jobs = {vendor: journey.drop(f"incoming/{vendor}/own.mp3", body) for vendor in VENDORS}
    stack.recognizer.kill()

    rows = {vendor: journey.finished(job) for vendor, job in jobs.items()}

    for vendor, row in rows.items():
        assert row["status"] == "COMPLETED", row.get("error")
        assert SPOKEN.error_rate(journey.transcript(row)["text"]) <= MOST_ERRORS
        assert any("local recognizer" in warning["text"] for warning in row["warnings"]) is (vendor != OWN_ENGINE)
    assert "recognized" in (stack.recognizer._log_path).read_text(encoding="utf-8")
