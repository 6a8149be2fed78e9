"""The command line: its arguments, help, completion and exit status; filters; failed events."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, NoRegionError
from pydantic import BaseModel

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Status, new_job
from asrctl.cli import main
from asrctl.filters import Filter
from asrctl.queue import describe_event, parse_failed_event, parse_undelivered_webhook
from asrctl.result import CommandResult, OperatorError
from asrctl.stack import StackLocation
from tests.support.fake_services import START
from tests.support.pipeline import SOURCE
from tests.support.reasons import reason
from tests.support.template import ROOT

FAILED = new_job(SOURCE, START).fail(AsrError(ErrorClass.CONFIG, "10110", reason("no licence"), "abcpen"), START)


@pytest.mark.parametrize(
    ("wanted", "is_meant"),
    [
        pytest.param(Filter(), True, id="anything"),
        pytest.param(Filter(status=Status.FAILED), True, id="its state"),
        pytest.param(Filter(status=Status.COMPLETED), False, id="another state"),
        pytest.param(Filter(error_class=ErrorClass.CONFIG), True, id="its class"),
        pytest.param(Filter(error_class=ErrorClass.RETRY), False, id="another class"),
        pytest.param(Filter(vendor="abcpen"), False, id="a vendor that it never had"),
        pytest.param(Filter(created_before=START + timedelta(seconds=1)), True, id="old enough"),
        pytest.param(Filter(created_before=START), False, id="too young"),
        pytest.param(Filter(created_since=START), True, id="young enough"),
        pytest.param(Filter(created_since=START + timedelta(seconds=1)), False, id="too old"),
        pytest.param(Filter(Status.FAILED, None, ErrorClass.RETRY), False, id="all must hold"),
    ],
)
def test_filter_matches_jobs_that_meet_all_conditions(wanted, is_meant):
    assert wanted.matches(FAILED) is is_meant


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "COMMAND", id="no command"),
        pytest.param(["why"], "JOB", id="no job"),
        pytest.param(["list", "--status", "LOST"], "LOST", id="a status that is none"),
        pytest.param(
            ["list", "--vendor", "none"], "tencent-sentence", id="a vendor that is none names those there are"
        ),
        pytest.param(["list", "--older-than", "soon"], "write 90s, 15m, 2h or 3d", id="an age that is none"),
        pytest.param(["list", "--limit", "0"], "0 is not in the range", id="limit of zero"),
        pytest.param(["redrive"], "give a JOB, or --all", id="redrive without a job"),
        pytest.param(["redrive", "--all"], "--all with --class", id="a redrive of everything"),
        pytest.param(
            ["redrive", "some-job", "--class", "config"], "give a JOB, or", id="a redrive of one and of a class"
        ),
        pytest.param(["backfill"], "COMMAND", id="backfill without a command"),
        pytest.param(
            ["backfill", "start", "--concurrency", "101"], "101 is not in the range", id="too many batches at once"
        ),
        pytest.param(
            ["backfill", "start", "--prefix", "incoming/", "--inventory", "s3://a/b"],
            "--inventory is not allowed with --prefix",
            id="two lists at once",
        ),
        pytest.param(["backfill", "stop"], "RUN", id="a stop of nothing"),
        pytest.param(["smoke", "--within", "soon"], "write 90s, 15m, 2h or 3d", id="a wait that is none"),
        pytest.param(["queue", "purge"], "not one of show, replay", id="unknown action of the queue"),
        pytest.param(["lst"], "Did you mean 'list'?", id="mistyped command"),
        pytest.param(["backfill", "resme"], "Did you mean 'resume'?", id="mistyped command of a group"),
        pytest.param(["list", "--limt", "1"], "Did you mean '--limit'?", id="mistyped option"),
        pytest.param(["list", "--state", "FAILED"], "'--status'?", id="earlier name of an option"),
        pytest.param(["list", "--status", "FALED"], "Did you mean 'FAILED'?", id="mistyped status"),
        pytest.param(["list", "--status", "failed"], "Did you mean 'FAILED'?", id="status in lower case"),
        pytest.param(["list", "--vendor", "volcengin"], "Did you mean 'volcengine'?", id="mistyped vendor"),
        pytest.param(["list", "--class", "configs"], "Did you mean 'config'?", id="mistyped class"),
        pytest.param(["queue", "reply"], "Did you mean 'replay'?", id="mistyped action"),
        pytest.param(["list", "--columns", "job,stats"], "Did you mean 'status'?", id="mistyped column"),
        pytest.param(["list", "--since", "yesterday"], "or a date such as 2026-11-30", id="a time that is none"),
        pytest.param(["get", "a.wav", "--format", "vt"], "Did you mean 'vtt'?", id="mistyped format"),
        pytest.param(["setup", "abcpen", "--rotate-key", "webhook"], "or --rotate-key", id="accounts and a key"),
        pytest.param(["setup", "--rotate-key", "webhok"], "Did you mean 'webhook'?", id="mistyped key"),
        pytest.param(["up"], "FILE", id="no file"),
        pytest.param(["up", "gone.wav"], "there is no file 'gone.wav'", id="a file that is none"),
        pytest.param(["up", "pyproject.toml", "--option", "speakers"], "is not NAME=VALUE", id="option without value"),
    ],
)
def test_wrong_arguments_end_with_status_2_and_a_reason(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "options"),
    [
        pytest.param(StackLocation("asrcore"), "", id="the usual stack"),
        pytest.param(
            StackLocation("calls", "cn-north-1", "two words"),
            " --stack calls --region cn-north-1 --profile 'two words'",
            id="another stack",
        ),
        pytest.param(
            StackLocation("asrcore", "us-east-1", endpoint_url="http://127.0.0.1:9", credential="x"),
            " --local",
            id="the local stack",
        ),
        pytest.param(StackLocation("asrcore", endpoint_url="http://127.0.0.1:9"), "", id="an endpoint"),
    ],
)
def test_further_command_names_the_stack(place, options):
    assert place.options == options


@pytest.mark.parametrize("local_stack", [True, False])
def test_unreachable_aws_with_a_local_stack_hints_at_local(local_stack, tmp_path, monkeypatch, capsys):
    facts = tmp_path / "facts.json"
    if local_stack:
        facts.write_text("{}")
    monkeypatch.setattr("devstack.settings.FACTS", facts)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")

    assert main(["status", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"]) == 1

    told = capsys.readouterr().err
    assert "Could not connect" in told
    assert ("add --local" in told) is local_stack


@pytest.mark.parametrize(
    ("names", "option", "said"),
    [
        pytest.param(["a.wav", ".DS_Store"], "speakers=2", "is no recording, but", id="no recording"),
        pytest.param(["a.wav", "empty.wav"], "speakers=2", "empty.wav is empty", id="empty"),
        pytest.param(["a.wav", "b/a.wav"], "speakers=2", "several files would be incoming/auto/a.wav", id="same name"),
        pytest.param(["a.wav"], "speakers=eleven", "asr-speakers", id="value that is not allowed"),
        pytest.param(["a.wav"], "speaker=2", "asr-speaker", id="unknown option"),
        pytest.param(["a.wav"], f"hotwords={','.join(['声音'] * 120)}", "2000 bytes", id="more than S3 accepts"),
    ],
)
def test_up_uploads_nothing_of_what_cannot_be_transcribed(names, option, said, tmp_path, capsys):
    (tmp_path / "b").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"RIFF")
    files = [str(tmp_path / name) for name in names]

    assert (
        main(["up", *files, "--option", option, "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9"]) == 1
    )
    assert said in capsys.readouterr().err


def message(record: object) -> dict[str, object]:
    body = record if isinstance(record, str) else json.dumps(record)
    return {"MessageId": "m1", "ReceiptHandle": "r1", "Attributes": {"SentTimestamp": "1767323045000"}, "Body": body}


RECORD = {
    "requestContext": {
        "functionArn": "arn:f:submit:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": {"source": "aws.events"},
    "responsePayload": {"errorType": "BusyError", "errorMessage": "come back later\nwith details"},
}


@pytest.mark.parametrize(
    ("record", "why"),
    [
        pytest.param(RECORD, "BusyError: come back later", id="a failure"),
        pytest.param({**RECORD, "responsePayload": None}, "RetriesExhausted", id="a failure without words"),
        pytest.param({**RECORD, "responsePayload": {"errorMessage": "timed out"}}, "timed out", id="a time-out"),
    ],
)
def test_failed_event_has_function_tries_and_reason(record, why):
    read_one = parse_failed_event(message(record))

    assert (read_one.to, read_one.tries, read_one.error) == ("arn:f:submit", 3, why)
    assert read_one.failed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("body", ["not JSON", "[]", '"text"', "{}"])
def test_failed_event_of_another_writer_is_refused(body):
    with pytest.raises(OperatorError, match="message m1 in the queue is not Lambda's record"):
        parse_failed_event(message(body))


TOLD = {
    "source": "asrcore",
    "id": "e1",
    "time": "2026-01-02T03:04:05Z",
    "detail-type": "Transcript Failed",
    "detail": {"job_id": "0" * 32, "source": {"key": "incoming/auto/a.wav"}},
}


def test_undelivered_webhook_names_the_log_to_read():
    undelivered = parse_undelivered_webhook(message(TOLD))

    assert (str(undelivered.to), undelivered.tries, undelivered.event) == ("the webhook", None, TOLD)
    assert "NotifyFunction's log" in str(undelivered.error)


@pytest.mark.parametrize("body", ["not JSON", "[]", '"text"', "{}", '{"detail-type": 7}'])
def test_undelivered_webhook_without_an_event_is_refused(body):
    with pytest.raises(OperatorError, match="message m1 among the undelivered webhooks is no event of the bus"):
        parse_undelivered_webhook(message(body))


S3_RECORD = {"s3": {"bucket": {"name": "audio"}, "object": {"key": "incoming/auto/a+b.wav"}}}
ENDED = {"source": "aws.states", "detail": {"input": '{"job_id": "j"}', "name": "j-1", "status": "FAILED"}}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        pytest.param({"Records": [S3_RECORD, S3_RECORD]}, "incoming/auto/a b.wav, incoming/auto/a b.wav", id="objects"),
        pytest.param(ENDED, "the end of execution j-1", id="an execution that ended badly"),
        pytest.param({"source": "aws.events"}, "the sweep", id="the schedule"),
        pytest.param(TOLD, "incoming/auto/a.wav (Transcript Failed)", id="the end of a job"),
        pytest.param(
            {"action": "request", "bucket": "b", "key": "incoming/a.wav"},
            "incoming/a.wav",
            id="a request for a recording",
        ),
        pytest.param({"source": "asrcore", "detail": "?"}, "an event of another kind", id="an end without a job"),
        pytest.param({"action": "request"}, "an event of another kind", id="a request that lacks everything"),
        pytest.param({"Records": [{}]}, "an event of another kind", id="records of something else"),
        pytest.param({}, "an event of another kind", id="nothing"),
        pytest.param(["text"], "an event of another kind", id="a list"),
    ],
)
def test_event_is_described_by_what_it_is_about(event, told):
    assert str(describe_event(event)) == told


class Row(BaseModel):
    number: int


def raising(error):
    def command(*_):
        raise error

    return command


REJECTED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no access"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        pytest.param(lambda *_: CommandResult(Row(number=1), ["done"]), 0, "done\n", id="done"),
        pytest.param(
            lambda *_: CommandResult(Row(number=1), ["gone"], ok=False), 1, "gone\n", id="something is missing"
        ),
        pytest.param(raising(OperatorError("no such job")), 1, "asrctl: no such job\n", id="cannot be done"),
        pytest.param(raising(REJECTED), 1, "AccessDenied", id="rejected by AWS"),
        pytest.param(raising(NoRegionError()), 1, "You must specify a region", id="no region"),
        pytest.param(lambda *_: Row.model_validate({}), 1, "use the deployed version", id="row of another version"),
        pytest.param(raising(KeyboardInterrupt()), 1, "the command can be repeated", id="interrupted"),
    ],
)
def test_exit_status_of_a_command_is_as_documented(command, status, output, monkeypatch, capsys):
    monkeypatch.setattr("asrctl.inspect_jobs.status", command)
    documented = re.findall(r"(?m)^\| (\d) \| ", (ROOT / "docs/operating.md").read_text("utf-8"))

    assert main(["status", "--region", "us-east-1"]) == status

    written = capsys.readouterr()
    assert output in (written.err if written.err else written.out)
    assert documented == ["0", "1", "2"]


def test_exit_status_with_json_is_the_same(monkeypatch, capsys):
    monkeypatch.setattr("asrctl.inspect_jobs.status", lambda *_: CommandResult(Row(number=1), ["gone"], ok=False))

    assert main(["status", "--region", "us-east-1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"number": 1}
