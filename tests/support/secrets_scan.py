"""Scan everything that a stack has written for secrets: its logs, events, histories, rows, queues, metrics, traces, the
answers and pages of its API, and its objects: keys, metadata and bodies.

Secrets are: each secret value of the vendors' credentials, callback and webhook keys, the sessions of the functions'
roles, signatures of AWS and of vendors, presigned URLs, signed callback addresses, task tokens, the text of the
transcripts, and CANARIES, which the tests plant in inputs. An account's name (`appid`, `cluster`) is no secret.

Some places hold a secret by design, and are accepted for that secret only. A task token: a job's row, under
`task_token`, while its execution waits; and in an execution's history the parameters with which Step Functions itself
passes the token to PollerFunction, as in AWS. Text: the bodies in the transcript bucket, and the API's answers. A
presigned URL, with the session in it: the API's answers. What an uploader wrote: the metadata and bodies under
`incoming/`. The URL of a remote recording: the bodies under `linked/`.
"""

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from moto.cloudwatch.models import cloudwatch_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.xray.models import xray_backends

from devstack.settings import ACCOUNT_ID, SECRETS

NAMES = frozenset({"appid", "cluster"})
# Each begins with characters that a search finds fast; those of UPPER_OR_LOWER are searched for in lower case.
SHAPES: Mapping[str, re.Pattern[str]] = {
    "a presigned URL": re.compile(r"x-amz-(signature|credential|security-token)"),
    "AWS's signature": re.compile(r"AWS4-HMAC-SHA256 Credential="),
    "Tencent's signature": re.compile(r"TC3-HMAC-SHA256 Credential="),
    "a signature in abcpen's header": re.compile(r"x-app-signature\W+[\w+/]"),
    "a signature in abcpen's form": re.compile(r"signa(?<!\wsigna)\W{1,5}[\w+/%]{8}"),
    "a bearer token": re.compile(r"Bearer(?<!\wBearer);?\s+[\w.=-]{6,}"),
    "a signed callback address": re.compile(r"/callbacks/[\w-]+/[\w-]+/\d+/[\w-]{20,}"),
}
UPPER_OR_LOWER = frozenset({"a presigned URL", "a signature in abcpen's header", "a signature in abcpen's form"})
TEXT = "the text of a transcript"
SESSION = "a session of a role"
IN_ANSWERS = frozenset({TEXT, SESSION, "a presigned URL"})
# By the kind of input: values that no test writes elsewhere. The tests plant them, and no output has one.
CANARIES: Mapping[str, str] = {
    f"a canary in {name}": f"cAnary{number}Q7x{number}vZ"
    for number, name in enumerate(
        (
            "the query of a URL",
            "the path of a URL",
            "an option that is an address",
            "metadata",
            "a sidecar",
            "a form field",
            "a request header",
            "a callback's signature",
            "a request body",
        )
    )
}
BUS = "everything-on-the-bus"
NOT_WRITTEN_BY_FUNCTIONS = ("incoming/", "linked/", "converted/")  # of the audio bucket: sound, and what callers gave
SHORTEST_TEXT = 8  # shorter pieces of a transcript may occur anywhere by chance
_IS_PACKED = re.compile(rb'"isBase64Encoded":\s*true')
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Finding:
    """A found secret and its place."""

    what: str
    where: str


@dataclass(frozen=True)
class Written:
    """A text that a stack wrote, and its place. by_design: the kinds of secrets that the place holds."""

    where: str
    text: str
    by_design: frozenset[str] = frozenset()


class Scanner:
    """Finds secrets in texts. values: the kind of each secret, by its value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        # By their beginnings: thousands of sentences begin alike, and most texts contain no such beginning.
        self._values: dict[str, dict[str, str]] = {}
        for value, what in values.items():
            self._values.setdefault(value[:SHORTEST_TEXT], {})[value] = what

    def scan(self, all_written: Iterable[Written]) -> list[Finding]:
        """Return each found secret with its place."""
        alike: dict[frozenset[str], list[tuple[str, str]]] = {}
        for written in all_written:
            alike.setdefault(written.by_design, []).append((written.where, plain(written.text)))
        return sorted(
            {finding for accepted, texts in alike.items() for finding in self._look(accepted, texts)}, key=str
        )

    def _look(self, accepted: frozenset[str], texts: Sequence[tuple[str, str]]) -> Iterator[Finding]:
        """Search the texts of places with the same secrets by design: all at once, then each if one is found."""
        joined = "\n".join(text for _, text in texts)
        begun = (values for beginning, values in self._values.items() if beginning in joined)
        found = [
            (value, what)
            for values in begun
            for value, what in values.items()
            if what not in accepted and value in joined
        ]
        shapes = shapes_in(joined) - accepted
        for where, text in texts if found or shapes else ():
            yield from (Finding(what, where) for value, what in found if value in text)
            yield from (Finding(what, where) for what in shapes & shapes_in(text))


def shapes_in(text: str) -> set[str]:
    """Return the kinds of SHAPES that a text has."""
    lower = text.lower()
    return {what for what, shape in SHAPES.items() if shape.search(lower if what in UPPER_OR_LOWER else text)}


def plain(text: str) -> str:
    """Return a text with the escapes of JSON decoded, and with those of URLs decoded too if it has any."""
    meant = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    decoded = unquote(meant)
    return meant if decoded == meant else f"{meant}\n{decoded}"


def listen(stack: Any) -> None:
    """Keep every event of the stack's bus for the scan from now on."""
    sqs, events = stack.client("sqs"), stack.client("events")
    url = sqs.create_queue(QueueName=BUS)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=BUS, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
    events.put_targets(Rule=BUS, Targets=[{"Id": BUS, "Arn": arn}])


def assert_kept(stack: Any) -> None:
    """Raise AssertionError with each secret found in a stack's output, and its place."""
    found = leaks(stack)
    assert not found, "\n".join(["secrets were seen:", *map(str, found)])


def leaks(stack: Any) -> list[Finding]:
    """Return the secrets found in a stack's output."""
    executions = list(_executions(stack))
    tokens = {token for execution in executions for token in _tokens(execution)}
    values = {**_secrets(stack), **dict.fromkeys(tokens, "a task token"), **_transcripts(stack)}
    written = [
        *_logs(stack),
        *_messages(stack),
        *_rows(stack),
        *_objects(stack),
        *_answers(stack),
        *_metrics(stack),
        *_traces(stack),
        *map(history, executions),
    ]
    return Scanner(values).scan(written)


def _secrets(stack: Any) -> dict[str, str]:
    """Return the secrets' current and first values: a key may have been rotated."""
    read = stack.client("secretsmanager").get_secret_value
    held = [read(SecretId=arn)["SecretString"] for arn in stack.secret_arns.values()]
    named = {
        each: f"{part}.{name} of the secret"
        for text in (*(path.read_text() for path in SECRETS.values()), *held)
        for part, fields in json.loads(text).items()
        for name, value in fields.items()
        if name not in NAMES
        for each in (value if isinstance(value, list) else [value])
        if each
    }
    canaries = {value: what for what, value in CANARIES.items()}
    return {**dict.fromkeys(stack.iam.secrets, SESSION), **named, **canaries}


def _transcripts(stack: Any) -> dict[str, str]:
    """Return pieces of transcripts, too long to match by chance; from moto's storage, as there may be hundreds."""
    bucket = s3_backends[ACCOUNT_ID][stack.client("s3").meta.partition].buckets[stack.transcript_bucket]
    bodies = [
        key.value for name, key in bucket.keys.items() if name.startswith("transcripts/") and name.endswith(".json")
    ]
    said = [utterance["text"] for body in bodies if body for utterance in json.loads(body).get("utterances", [])]
    return dict.fromkeys((text for text in said if len(text) >= SHORTEST_TEXT), TEXT)


def _logs(stack: Any) -> Iterator[Written]:
    for function in stack.environments:
        yield Written(f"the log of {function}", stack.logs(function))


def _messages(stack: Any) -> Iterator[Written]:
    """Yield the messages of every queue, with all events of the bus; from moto's storage, without receiving them."""
    for name, queue in sqs_backends[ACCOUNT_ID][stack.region].queues.items():
        for message in list(queue._messages):
            yield Written("an event on the bus" if name == BUS else f"a message in {name}", message.body)


def _objects(stack: Any) -> Iterator[Written]:
    """Yield the key, the headers and the body of every object version. Read from moto's storage, once."""
    for name, bucket in s3_backends[ACCOUNT_ID][stack.client("s3").meta.partition].buckets.items():
        if bucket.region_name != stack.region:
            continue
        # The stack's transcripts, and those that a documented command copies to another stack.
        by_design = frozenset({TEXT}) if "-transcripts" in name else frozenset[str]()
        for key in bucket.keys:
            yield Written(f"the key {key}", key)
            by_uploader = frozenset(CANARIES) if key.startswith("incoming/") else frozenset[str]()
            for version in bucket.keys.getlist(key):
                headers = dict(getattr(version, "metadata", {}))  # a delete marker has none
                yield Written(f"the metadata of {key}", json.dumps(headers, ensure_ascii=False), by_uploader)
                if not key.startswith(NOT_WRITTEN_BY_FUNCTIONS):
                    body = getattr(version, "value", b"")
                    yield Written(f"the body of {key}", body.decode("utf-8", "replace"), by_design)


def _answers(stack: Any) -> Iterator[Written]:
    """Yield each different answer of the functions behind the API, unpacked."""
    for function, payload in stack.answers:
        text = payload.decode("utf-8", "replace")
        if _IS_PACKED.search(payload):
            body = base64.b64decode(json.loads(payload)["body"])
            text += (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode("utf-8", "replace")
        yield Written(f"an answer of {function}", text, IN_ANSWERS)


def _metrics(stack: Any) -> Iterator[Written]:
    """Yield the metrics that were put by CloudWatch's interface; the functions' own are lines of their logs."""
    for metric in cloudwatch_backends[ACCOUNT_ID][stack.region].metric_data:
        dimensions = [(each.name, each.value) for each in metric.dimensions]
        yield Written("a metric", json.dumps([metric.name, dimensions], default=str))


def _traces(stack: Any) -> Iterator[Written]:
    """Yield the segments of X-Ray, with their annotations."""
    for trace in xray_backends[ACCOUNT_ID][stack.region]._segment_collection._traces.values():
        segments = [vars(segment) for segment in trace["segments"]]
        yield Written("a trace", json.dumps(segments, default=str, ensure_ascii=False))


def _rows(stack: Any) -> Iterator[Written]:
    for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.jobs_table):
        for item in page["Items"]:
            told = {name: value for name, value in item.items() if name != "task_token"}
            yield Written(f"the row {item['job_id']['S']}", json.dumps(told, ensure_ascii=False))


@dataclass(frozen=True)
class Execution:
    """An execution and its history."""

    name: str
    described: dict[str, Any]
    events: list[dict[str, Any]]


def _executions(stack: Any) -> Iterator[Execution]:
    """Yield every execution; from moto's storage, as Step Functions' replies take 20 ms each."""
    for execution in stepfunctions_parser_backends[ACCOUNT_ID][stack.region]._get_executions():
        yield Execution(execution.name, execution.to_describe_output(), execution.to_history_output()["events"])


def _passed_token(event: Mapping[str, Any]) -> str | None:
    """Return the task token that Step Functions passes in this event."""
    details = event.get("taskScheduledEventDetails", {})
    if "waitForTaskToken" not in details.get("resource", ""):
        return None
    token = json.loads(details["parameters"])["Payload"].get("task_token")
    return str(token) if token else None


def _tokens(execution: Execution) -> list[str]:
    return [token for event in execution.events if (token := _passed_token(event))]


def history(execution: Execution) -> Written:
    """Return an execution's description, with its input and output, and its events."""
    said = [
        json.dumps(event, default=str, ensure_ascii=False).replace(_passed_token(event) or "\0", "")
        for event in execution.events
    ]
    told = json.dumps(execution.described, default=str, ensure_ascii=False)
    return Written(f"the history of {execution.name}", "\n".join([told, *said]))
