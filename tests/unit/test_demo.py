"""Check the vendors of the demo for a given recording."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from devstack.demo import own_recordings

RUNS, LACKS = SimpleNamespace(url="http://127.0.0.1:1"), SimpleNamespace(url=None)


@pytest.mark.parametrize(
    ("name", "vendor", "recognizer", "vendors"),
    [
        pytest.param("a.mp3", "abcpen", RUNS, ["abcpen"], id="named"),
        pytest.param(
            "a.mp3", None, RUNS, ["auto", "volcengine-bigmodel", "openai-compatible"], id="two-and-the-engine"
        ),
        pytest.param("a.m4a", None, RUNS, ["auto", "abcpen-offline", "openai-compatible"], id="another-format"),
        pytest.param("a.mp3", None, LACKS, ["auto", "volcengine-bigmodel"], id="without-the-recognizer"),
    ],
)
def test_own_recording_goes_to_several_vendors(name, vendor, recognizer, vendors):
    assert [each.vendor for each in own_recordings(Path(name), vendor, recognizer)] == vendors
