"""Check the controls of a simulator: faults, options and the request log."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from devstack.web import PortTakenError
from simulators import VENDORS, Simulators
from tests.support import tones
from tests.support.process import running as command_running
from tests.support.raw_abcpen import RawAbcpen
from tests.support.simulator_control import CREDENTIALS, Control
from tests.support.web import Web, eventually

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = CREDENTIALS["abcpen"]
DAY_S = 24 * 3600
AUDIO = "http://127.0.0.1:9/secret-bucket/a.wav?X-Amz-Signature=secret"


@pytest.fixture
def running():
    with Simulators(CREDENTIALS, turnaround_s=0) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged():
    """Start simulators that no test submits to or changes: a task of another test would use a test's fault."""
    with Simulators(CREDENTIALS, turnaround_s=0) as running:
        yield running


@pytest.fixture
def control(running):
    return Control(running.urls["abcpen"])


@pytest.fixture
def vendor(running):
    return RawAbcpen(running.urls["abcpen"], ACCOUNT["appid"], ACCOUNT["api_key"])


@pytest.mark.parametrize("vendor_name", VENDORS)
def test_simulator_listens_on_loopback_and_has_controls(unchanged, vendor_name):
    url = unchanged.urls[vendor_name]

    assert url.startswith("http://127.0.0.1:")
    assert requests.get(f"{url}/_simulator/requests", timeout=60).json() == []
    assert Control(url).options().status_code == 200


@pytest.mark.parametrize(
    ("vendor_name", "limits"),
    [
        ("abcpen", {"requests_per_s": 20, "fetches_per_task": 100, "retention_s": 30 * DAY_S}),
        (
            "abcpen-offline",
            {"submissions_per_s": 5, "submissions_per_day": 100, "retention_s": DAY_S, "poll_interval_s": 0},
        ),
        ("tencent-rec-task", {"submissions_per_s": 20, "queries_per_s": 50, "retention_s": DAY_S}),
        ("tencent-sentence", {"requests_per_s": 25}),
        ("volcengine-bigmodel", {"requests_per_s": 20, "retention_s": DAY_S}),
    ],
)
def test_default_limits_are_the_published_ones(unchanged, vendor_name, limits):
    options = Control(unchanged.urls[vendor_name]).options().json()

    assert {name: options[name] for name in limits} == limits


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"on": "submit", "explode": True}, id="unknown-field"),
        pytest.param({"on": "lunch", "code": "1"}, id="unknown-moment"),
        pytest.param({"on": "callback", "drop": True}, id="moment-that-this-vendor-lacks"),
        pytest.param({"on": "submit", "code": "Busy"}, id="code-of-another-vendor"),
        pytest.param({"on": "submit"}, id="no-effect"),
        pytest.param({"on": "submit", "accepted": True}, id="accepted-alone"),
        pytest.param({"on": "query", "duplicate": True}, id="effect-of-another-moment"),
        pytest.param({"on": "submit", "message": "why"}, id="message-without-a-code"),
        pytest.param({"on": "submit", "code": "1", "times": 0}, id="never"),
        pytest.param({"on": "submit", "code": "1", "about": ""}, id="about-nothing"),
    ],
)
def test_invalid_fault_is_refused(unchanged, fault):
    response = Control(unchanged.urls["abcpen"]).fault(**fault)

    assert response.status_code == 400
    assert response.json()["error"]


@pytest.mark.parametrize("options", [{"colour": "red"}, {"turnaround_s": -1}, {"code_type": "roman"}])
def test_invalid_option_is_refused_and_changes_nothing(unchanged, options):
    control = Control(unchanged.urls["abcpen"])
    before = control.options().json()

    response = control.options(**options)

    assert response.status_code == 400
    assert next(iter(options)) in response.json()["error"]
    assert control.options().json() == before


def test_fault_lasts_its_times(control, vendor):
    control.fault("submit", code="10800", times=2)

    assert [vendor.submit(AUDIO)["code"] for _ in range(3)] == ["10800", "10800", "0"]


@pytest.mark.parametrize("moment", ["submit", "query", "result"])
def test_fault_about_a_recording_is_kept_for_its_submission(control, vendor, moment):
    control.fault(moment, code="10700", message="of the other", about="secret-bucket/b.wav")

    def answer(audio):
        submitted = vendor.submit(audio)
        return submitted if moment == "submit" else finished(vendor, submitted["data"]["task_id"])

    assert answer(AUDIO)["desc"] != "of the other"
    assert answer(AUDIO.replace("a.wav", "b.wav"))["desc"] == "of the other"
    assert requests.get(f"{control.base_url}/_simulator/faults", timeout=60).json() == []


@pytest.mark.parametrize("moment", ["submit", "query", "result"])
def test_fault_replaces_the_message(control, vendor, moment):
    control.fault(moment, code="10700", message="the engine is on fire")

    submitted = vendor.submit(AUDIO)

    answer = submitted if moment == "submit" else finished(vendor, submitted["data"]["task_id"])
    assert (answer["code"], answer["desc"]) == ("10700", "the engine is on fire")


def finished(vendor, task_id):
    return eventually(lambda: (answer := vendor.poll(task_id))["code"] != "-1" and answer)


def test_deleted_faults_have_no_effect(control, vendor):
    control.fault("submit", code="10800", times=9)

    control.reset()

    assert vendor.submit(AUDIO)["code"] == "0"


def submit(vendor):
    return requests.post(f"{vendor.base_url}/v1/asr/long", data=vendor.signed({"audio_url": AUDIO}), timeout=60)


@pytest.mark.parametrize(
    ("what", "status", "text"),
    [
        pytest.param({"http_status": 502, "body": "<html>bad gateway"}, 502, "<html>bad gateway", id="gateway"),
        pytest.param({"http_status": 503}, 503, "", id="status-alone"),
        pytest.param({"body": ""}, 200, "", id="nothing"),
        pytest.param({"body": "{not json"}, 200, "{not json", id="nonsense"),
    ],
)
def test_fault_replaces_the_answer(control, vendor, what, status, text):
    control.fault("submit", **what)

    response = submit(vendor)

    assert (response.status_code, response.text) == (status, text)


def test_fault_closes_the_connection(control, vendor):
    control.fault("submit", drop=True)

    with pytest.raises(requests.ConnectionError):
        submit(vendor)


def test_fault_delays_the_answer(control, vendor):
    control.fault("submit", delay_s=0.05)

    assert submit(vendor).json()["code"] == "0"


def test_fault_loses_the_answer_of_an_accepted_submission(control, vendor):
    control.fault("submit", drop=True, accepted=True)

    with pytest.raises(requests.ConnectionError):
        submit(vendor)

    (lost,) = control.requests("submit")
    assert lost["code"] == "dropped"
    assert vendor.poll(lost["task_id"])["code"] in {"-1", "10700"}


def test_request_log_has_calls_without_secrets(control, vendor):
    task_id = vendor.submit(AUDIO)["data"]["task_id"]
    vendor.poll(task_id)
    vendor.poll("unknown", signa="wrong")

    noted = control.requests()

    assert [(entry["kind"], entry["code"] in {"0", "-1", "10700"}) for entry in noted] == [
        ("submit", True),
        ("query", True),
        ("query", False),
    ]
    assert noted[0]["task_id"] == task_id
    assert noted[0]["parameters"]["audio_url"] == "http://127.0.0.1/secret-bucket/a.wav"
    assert "signa" not in noted[0]["parameters"]


def test_unresolvable_local_name_reaches_this_machine(running, vendor):
    with Web() as web:
        audio_url = web.serve("/a.wav", tones.audio()).replace("127.0.0.1", "bucket.host.docker.internal")
        sentence = Control(running.urls["tencent-sentence"])

        from tests.support.raw_tencent_sentence import RawTencentSentence

        account = CREDENTIALS["tencent"]
        client = RawTencentSentence(sentence.base_url, account["secret_id"], account["secret_key"])

        assert client.tc3(Url=audio_url)["AudioDuration"] == tones.LENGTH_MS


def test_port_of_unknown_vendor_is_refused():
    with pytest.raises(ValueError, match="no such vendor: whisper"):
        Simulators(CREDENTIALS, ports={"whisper": 1})


def test_taken_port_is_named(unchanged):
    port = int(unchanged.urls["abcpen"].rpartition(":")[2])

    with (
        pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1:{port}"),
        Simulators(CREDENTIALS, ports={"abcpen": port}),
    ):
        pytest.fail("two servers on one port")


def test_bind_sets_the_address():
    with Simulators(CREDENTIALS, bind="0.0.0.0") as running:
        port = int(running.urls["abcpen"].rpartition(":")[2])

        assert requests.get(f"http://127.0.0.1:{port}/_simulator/requests", timeout=60).json() == []
        with pytest.raises(PortTakenError, match=rf"cannot listen on 0\.0\.0\.0:{port}"):
            Simulators(CREDENTIALS, ports={"abcpen": port}, bind="0.0.0.0").start()


def test_command_runs_until_sigterm():
    command = [sys.executable, "-m", "simulators", "--turnaround", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with command_running(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        word, _, urls = process.stdout.readline().partition(" ")
        submitted = RawAbcpen(json.loads(urls)["abcpen"], ACCOUNT["appid"], ACCOUNT["api_key"]).submit(AUDIO)
        process.send_signal(signal.SIGTERM)
        rest, log = process.communicate(timeout=60)

    assert (word, list(json.loads(urls)), rest) == ("READY", list(VENDORS), "")
    assert submitted["code"] == "0"
    assert process.returncode == 0
    entries = [json.loads(line) for line in log.splitlines()]
    assert ("abcpen", "submit", "0") in [(e.get("vendor"), e.get("call"), e.get("code")) for e in entries]
    assert "secret" not in log


def run_simulators(*arguments):
    """The simulators as a command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "simulators", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_without_credentials_fails(tmp_path):
    ended = run_simulators("--credentials", str(tmp_path / "absent.json"))

    assert ended.returncode == 2
    assert "cannot read the credentials" in ended.stderr


def test_command_with_taken_port_fails(unchanged):
    port = unchanged.urls["volcengine-bigmodel"].rpartition(":")[2]

    ended = run_simulators("--port-tencent-rec-task", port)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in ended.stderr
    assert "Traceback" not in ended.stderr
