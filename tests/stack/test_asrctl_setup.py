"""`setup`, `vendors` and `doctor` against the local stack's secrets and simulators."""

import functools
import json
import os
import select
import subprocess
import sys

import pytest

from asrcore.vendors.registry import VENDORS
from asrctl.credential_check import PREFIX, QUERIES
from asrctl.prompts import Prompter
from devstack.settings import CREDENTIALS, ROOT, SIGNING_KEYS

HELD = json.loads(CREDENTIALS.read_text())
KEYS = json.loads(SIGNING_KEYS.read_text())
NOTHING = {"tencent": {}, "volcengine": {}, "abcpen": {}}  # as the template leaves the secret
NO_KEYS = {"callback": {"keys": []}, "webhook": {"keys": []}}
NAMES = {"appid", "cluster"}  # of an account: no secrets
SECRETS = {value for fields in HELD.values() for name, value in fields.items() if name not in NAMES}
ACCOUNTS = ("tencent", "volcengine", "abcpen")
CHECKS = (
    "stack", "versions", "permissions", "clock", "secrets", "addresses", "callbacks", "recordings", "vendors"
)  # fmt: skip
TENCENT = {name: HELD["tencent"][name] for name in ("secret_id", "secret_key", "appid")}


class Secrets:
    """The stack's secrets, as an administrator reads and writes them."""

    def __init__(self, stack):
        self._client, self._arns = stack.client("secretsmanager"), stack.secret_arns

    def read(self, name):
        return json.loads(self._client.get_secret_value(SecretId=self._arns[name])["SecretString"])

    def write(self, name, content):
        self._client.put_secret_value(SecretId=self._arns[name], SecretString=json.dumps(content))


@pytest.fixture
def secrets(stack):
    """The stack's secrets, which are restored afterwards."""
    secrets = Secrets(stack)
    yield secrets
    secrets.write("VendorSecret", HELD)
    secrets.write("SigningSecret", KEYS)


@pytest.fixture
def new(secrets):
    """The secrets of a new installation."""
    secrets.write("VendorSecret", NOTHING)
    secrets.write("SigningSecret", NO_KEYS)
    return secrets


@pytest.fixture(autouse=True)
def no_secret_in_arguments():
    """No program that a command starts may have a secret among its arguments: other users can list them."""
    _watch_starts()
    del STARTED[:]
    yield
    assert [value for value in SECRETS if value in str(STARTED)] == []


STARTED: list[object] = []
STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}


def _audit(event, arguments):
    if event in STARTS:
        STARTED.append(arguments)


@functools.cache
def _watch_starts():
    sys.addaudithook(_audit)  # forever, and for each event of the process: not in a process without these tests


def typed(*answers):
    return "".join(f"{answer}\n" for answer in answers)


def unsecret(done):
    """Return what a command wrote, after the search for secrets in it."""
    written = done.stdout + done.stderr
    assert [value for value in SECRETS if value in written] == []
    return written


def test_setup_asks_tests_and_stores_each_account(operator, new):
    answers = ["tencnt", "tencent-sentence，tencent、volcengine abcpen", *TENCENT.values()]
    answers += [HELD["volcengine"][name] for name in ("api_key", "appid", "token", "cluster")]
    answers += [HELD["abcpen"][name] for name in ("appid", "api_key")]

    done = operator.run("setup", answer=typed(*answers))

    assert done.status == 0, done.stderr + done.stdout
    assert new.read("VendorSecret") == {name: HELD[name] for name in ACCOUNTS}
    signing = new.read("SigningSecret")
    assert len(signing["callback"]["keys"][0]) == 64
    assert signing["webhook"]["keys"][0].startswith("whsec_")
    written = unsecret(done)
    used = [vendor.name for vendor in VENDORS.values() if vendor.secret_name in ACCOUNTS]
    assert [vendor for vendor in used if f"{vendor}: the credentials work" not in done.stdout] == []
    assert "https://console.cloud.tencent.com/cam" in written
    assert "tencnt is not one of the accounts tencent, volcengine, abcpen" in done.stderr
    assert "next: `python -m asrctl smoke`" in done.stdout


def test_rejected_key_is_explained_and_asked_again(operator, new):
    wrong = [TENCENT["secret_id"], HELD["abcpen"]["api_key"], "", "yes"]
    corrected = ["", TENCENT["secret_key"], TENCENT["appid"]]

    done = operator.run("setup", "tencent", answer=typed(*wrong, *corrected))

    assert done.status == 0, done.stderr + done.stdout
    assert "tencent: not stored, because no vendor accepts it" in done.stderr
    assert "rejected with AuthFailure.SignatureFailure: the signature does not verify" in done.stderr
    assert "Check secret_id, secret_key of `tencent`" in done.stderr
    assert new.read("VendorSecret") == {**NOTHING, "tencent": HELD["tencent"]}
    unsecret(done)


def test_rejected_key_is_not_stored(operator, secrets):
    done = operator.run("setup", "abcpen", answer=typed("", "another-key", "no"))

    assert done.status == 1
    assert "abcpen: not stored" in done.stdout
    assert secrets.read("VendorSecret") == HELD


def test_setup_again_changes_one_account_only(operator, secrets):
    unknown = {"note": "of the operator"}
    stored = {"appid": HELD["abcpen"]["appid"], "api_key": "expired", **unknown}
    secrets.write("VendorSecret", {**HELD, "abcpen": stored})

    done = operator.run("setup", "abcpen", answer=typed("\r", f" {HELD['abcpen']['api_key']}\t\r"))

    assert done.status == 0, done.stderr
    assert secrets.read("VendorSecret") == {**HELD, "abcpen": HELD["abcpen"] | unknown}
    assert secrets.read("SigningSecret") == KEYS


def test_stopped_setup_keeps_whole_accounts_and_those_of_others(operator, new, monkeypatch):
    ask = Prompter.ask

    def answer(prompter, question, **how):
        if question.params == {"field": "token"}:
            raise KeyboardInterrupt
        if question.params == {"field": "api_key"}:  # another operator stores an account meanwhile
            new.write("VendorSecret", {**new.read("VendorSecret"), "tencent": HELD["tencent"]})
        return ask(prompter, question, **how)

    monkeypatch.setattr(Prompter, "ask", answer)
    answers = [*HELD["abcpen"].values(), HELD["volcengine"]["api_key"], HELD["volcengine"]["appid"]]

    done = operator.run("setup", "abcpen", "volcengine", answer=typed(*answers))

    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.endswith("asrctl: stopped; what was done so far stays done, and the command can be repeated\n")
    assert new.read("VendorSecret") == {**NOTHING, "tencent": HELD["tencent"], "abcpen": HELD["abcpen"]}


def test_account_without_a_licence_for_one_vendor_is_stored(operator, new):
    operator.fault("abcpen", about=PREFIX, on="submit", code="10110")

    found = operator.run("setup", "abcpen", "--json", answer=typed(*HELD["abcpen"].values()))

    (account,) = json.loads(found.stdout)["accounts"]
    assert account["stored"]
    assert {each["vendor"]: each["credentials"] for each in account["vendors"]} == {
        "abcpen-offline": "working",
        "abcpen": "rejected",
    }


def test_refused_query_rejects_the_credentials(operator, new):
    # The sample is sent as bytes, so that its query names no recording: every query is rejected.
    operator.fault("tencent-rec-task", about=None, times=QUERIES, on="query", code="AuthFailure.UnauthorizedOperation")

    done = operator.run("setup", "tencent", answer=typed(*TENCENT.values()))

    assert done.status == 0, done.stderr
    assert "tencent-rec-task: rejected with AuthFailure.UnauthorizedOperation" in done.stdout


def test_vendor_that_repeats_a_key_does_not_reveal_it(operator, new):
    key = HELD["abcpen"]["api_key"]
    operator.fault("abcpen", about=PREFIX, on="submit", code="10105", message=f"the key {key} is not known")

    done = operator.run("setup", "abcpen", answer=typed(*HELD["abcpen"].values()))

    assert "The vendor says: the key … is not known" in unsecret(done)


def test_failed_sample_is_explained_and_the_account_stored(operator, new):
    operator.fault("volcengine", about=PREFIX, on="result", code="1012")
    fields = [HELD["volcengine"][name] for name in ("api_key", "appid", "token", "cluster")]

    done = operator.run("setup", "volcengine", answer=typed(*fields))

    assert done.status == 0, done.stderr
    assert (
        "volcengine: the credentials work, but the sample failed with 1012: the audio format is invalid" in done.stdout
    )
    assert new.read("VendorSecret")["volcengine"] == HELD["volcengine"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps({name: HELD[name] for name in ACCOUNTS}))
    path.chmod(0o600)
    return path


def test_setup_from_a_file_stores_all_accounts(operator, new, file):
    found = operator.found("setup", "--from-file", str(file))

    assert [account["stored"] for account in found["accounts"]] == [True, True, True]
    assert found["generated_keys"] == ["callback", "webhook"]
    assert new.read("VendorSecret") == {name: HELD[name] for name in ACCOUNTS}


def test_field_that_no_vendor_accepts_stays_as_it_was(operator, secrets, file):
    wrong = {"tencent": {**HELD["tencent"], "appid": "1"}, "volcengine": {**HELD["volcengine"], "token": "another"}}
    file.write_text(json.dumps(wrong))

    found = operator.found("setup", "--from-file", str(file), status=1)

    assert [(account["account"], account["stored"], account["rejected_fields"]) for account in found["accounts"]] == [
        ("tencent", True, ["appid"]),
        ("volcengine", True, ["appid", "token", "cluster"]),
    ]
    assert secrets.read("VendorSecret") == HELD


def test_file_that_others_can_read_is_refused(operator, new, file):
    file.chmod(0o640)

    done = operator.run("setup", "--from-file", str(file))

    assert done.status == 1
    assert f"other users can read {file}: run chmod 600 {file}" in done.stderr
    assert new.read("VendorSecret") == NOTHING


def test_setup_from_the_environment_stores_its_accounts(operator, new, monkeypatch):
    for name, value in HELD["abcpen"].items():
        monkeypatch.setenv(f"ASRCTL_ABCPEN_{name.upper()}", value)

    found = operator.found("setup", "--from-environment")

    assert [account["account"] for account in found["accounts"]] == ["abcpen"]
    assert new.read("VendorSecret") == {**NOTHING, "abcpen": HELD["abcpen"]}


def test_setup_without_test_submits_nothing(operator, new, file):
    found = operator.found("setup", "--from-file", str(file), "--no-test")

    states = {each["credentials"] for account in found["accounts"] for each in account["vendors"]}
    assert states == {"untested"}
    assert new.read("VendorSecret")["tencent"] == HELD["tencent"]


def test_keys_of_an_earlier_version_are_moved(operator, secrets):
    secrets.write("VendorSecret", {**HELD, **KEYS})
    secrets.write("SigningSecret", NO_KEYS)

    found = operator.run("setup", answer="\n")

    assert found.status == 0, found.stderr
    assert "signing keys moved from the vendors' secret to their own: callback, webhook" in found.stdout
    assert "no account was named. `python -m asrctl vendors` shows whose credentials work" in found.stdout
    assert secrets.read("VendorSecret") == HELD
    assert secrets.read("SigningSecret") == KEYS


def test_rotation_keeps_the_key_before_and_removes_the_rest(operator, secrets):
    found = operator.found("setup", "--rotate-key", "callback")
    between = secrets.read("SigningSecret")["callback"]["keys"]
    again = operator.run("setup", "--rotate-key", "callback")
    after = secrets.read("SigningSecret")["callback"]["keys"]

    assert (found["accounts"], found["generated_keys"]) == ([], ["callback"])
    assert between[1:] == KEYS["callback"]["keys"][:1]
    assert after[1:] == between[:1]
    assert secrets.read("SigningSecret")["webhook"] == KEYS["webhook"]
    assert secrets.read("VendorSecret") == HELD
    assert [key for key in (*between, *after) if key in again.stdout + again.stderr] == []


def test_setup_command_of_the_outputs_runs(operator, stack, secrets, programs):
    done = operator.shell(f"{programs.functions}\necho | {stack.outputs['SetupCommand']}", "")

    assert done.returncode == 0, done.stderr
    assert secrets.read("VendorSecret") == HELD


def test_terminal_does_not_show_a_typed_key(stack, new):
    """Type at a real terminal, whose echo the command must switch off."""
    terminal, keyboard = os.openpty()
    command = [sys.executable, "-m", "asrctl", "setup", "abcpen"]
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "NO_PROXY": "*",
    }
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=keyboard,
        stdout=subprocess.PIPE,
        stderr=keyboard,
        start_new_session=True,
    )
    os.close(keyboard)
    shown = b""
    for prompt, answer in (("appid: ", HELD["abcpen"]["appid"]), ("api_key: ", HELD["abcpen"]["api_key"])):
        while not shown.endswith(prompt.encode()):
            assert select.select([terminal], [], [], 60)[0], shown
            shown += os.read(terminal, 1024)
        os.write(terminal, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=120)
    while more := _rest(terminal):
        shown += more

    assert process.returncode == 0, shown + out
    assert HELD["abcpen"]["appid"].encode() in shown
    assert HELD["abcpen"]["api_key"].encode() not in shown + out
    assert new.read("VendorSecret")["abcpen"] == HELD["abcpen"]


def _rest(terminal):
    """Return what a terminal shows; nothing once its programs have ended, which Linux reports as an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        os.close(terminal)
        return b""


def test_vendors_shows_limits_and_working_credentials(operator, secrets):
    operator.fault("volcengine", about=PREFIX, on="submit", code="1002")

    found = operator.found("vendors", status=1)
    (shown,) = operator.found("vendors", "abcpen-offline", "--no-test")["vendors"]

    states = {each["vendor"]: each["credentials"] for each in found["vendors"]}
    assert states == {**dict.fromkeys(VENDORS, "working"), "volcengine": "rejected"}
    assert (shown["credentials"], shown["max_duration_s"], shown["languages"]) == (
        "untested",
        36000,
        ["en-US", "zh-CN"],
    )


def test_doctor_of_a_local_stack_finds_no_problem(operator, secrets):
    found = json.loads(operator.run("doctor", "--json").stdout)

    states = {check["name"]: check["status"] for check in found["checks"]}
    assert [
        check["found"] for check in found["checks"] if check["status"] == "problem" and check["name"] != "queues"
    ] == []
    states.pop("queues")  # events of other tests may have failed
    assert states == {**dict.fromkeys(CHECKS, "ok"), "quotas": "skipped", "alarms": "skipped"}


@pytest.fixture
def failed_event(operator, stack):
    """Put a message into the queue of failed events, which other tests' events may be in, too."""
    sqs, queue, body = stack.client("sqs"), stack.failed_events_queue_url, "of test_doctor"
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    yield

    def received():
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=1)
        return [each["ReceiptHandle"] for each in answer.get("Messages", []) if each["Body"] == body]

    (receipt,) = operator.until(received, bool, "the message")
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=receipt)


def test_doctor_names_each_problem_and_its_remedy(operator, new, failed_event):
    found = operator.found("doctor", status=1)
    done = operator.run("doctor")

    wrong = {check["name"]: check for check in found["checks"] if check["status"] == "problem"}
    assert set(wrong) == {"secrets", "callbacks", "vendors", "queues"}
    assert all(check["advice"] for check in wrong.values())
    assert "PROBLEM  secrets: the signing secret has no keys: callback\n" in done.stdout
    assert "         What to do: run `python -m asrctl setup`\n" in done.stdout
    assert "PROBLEM  vendors: openai-compatible: rejected with " in done.stdout
    assert done.stdout.endswith("4 problems\n")
