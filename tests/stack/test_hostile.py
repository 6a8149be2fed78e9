"""Send hostile input to every interface of the deployed stack: check the response, and that nothing changed.

API Gateway and AWS Lambda limit slow and large bodies in the cloud (30 s, 10 MB, 6 MB); the
local stack applies the same limits, so that the function gets the same requests.
"""

import json
import socket
from collections import defaultdict
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

from asrcore.core.callback_url import callback_url
from asrcore.core.option_sources import LARGEST_SIDECAR_BYTES
from asrcore.core.transcript import LONGEST_KEY_BYTES
from devstack.stack import FunctionError
from tests.support.pipeline import FOREVER
from tests.support.simulator_control import SIGNING_KEYS
from tests.support.stack_client import Journey

SAMPLES = Path(__file__).parents[2] / "samples"
RECORDING = (SAMPLES / "meeting.wav").read_bytes()
KEYS = SIGNING_KEYS["callback"]["keys"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SAID = "code=0&message=success&requestId=1&text=" + quote("[0:0.020,0:2.380,0]  好\n") + "&audioTime=2.4"
FRESH = count()
MEGABYTE = 1024 * 1024


def key(vendor, name):
    """Return a key that no other test uses."""
    return f"incoming/{vendor}/hostile-{next(FRESH)}/{name}"


def address(stack, job, *, vendor="tencent-recording", attempt=1, keys=KEYS):
    return callback_url(stack.api_url, vendor, job, attempt, keys, expires_at=FOREVER)


def post(url, body=SAID, headers=FORM):
    return requests.post(url, data=body, headers=headers, timeout=60)


def objects(stack, audio_key):
    """Return the objects of a recording's results, by key and version."""
    listed = stack.client("s3").list_object_versions(Bucket=stack.transcript_bucket, Prefix=f"transcripts/{audio_key}")
    return {(each["Key"], each["VersionId"]) for each in listed.get("Versions", [])}


@pytest.fixture
def received(stack, monkeypatch):
    """Return the events that the functions receive during the test, by function: of jobs of earlier tests, too."""
    events = defaultdict(list)

    def record(name, invoke, event, *more):
        events[name].append(event)
        return invoke(event, *more)

    for name, function in stack._functions.items():
        monkeypatch.setattr(function, "invoke", partial(record, name, function.invoke))
    return events


# --- callbacks --------------------------------------------------------------------------------------------------------


def waits(stack):
    """Create a job that waits for a callback which its vendor never sends."""
    journey = Journey(stack)
    audio_key = key("tencent-recording", "meeting.wav")
    journey.fault("tencent-recording", about=audio_key, on="callback", drop=True)
    job = journey.drop(audio_key, RECORDING)
    journey.until(lambda: journey.row(job), lambda row: row.get("task_token"), f"job {job} to wait")
    return job


@pytest.fixture(scope="module")
def untouched(stack):
    """A waiting job for tests that do not change it."""
    return waits(stack)


@pytest.fixture
def waiting(stack):
    """A waiting job for one test."""
    return waits(stack)


@pytest.fixture
def unchanged(stack, untouched):
    """Check that the job's row and its transcript objects are the same afterwards."""
    audio_key = Journey(stack).row(untouched)["source"]["key"]

    def look():
        return Journey(stack).row(untouched), objects(stack, audio_key)

    before = look()
    yield untouched
    assert look() == before


def forged(url, **parts):
    """Return an address with some of its four parts replaced; the signature stays the same."""
    base, vendor, job, attempt, signature = url.rsplit("/", 4)
    given = {"vendor": vendor, "job": job, "attempt": attempt, "signature": signature, **parts}
    return "/".join([base, *given.values()])


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda url: forged(url, signature="A" * 43), id="an invented signature"),
        pytest.param(lambda url: url[:-1], id="a signature cut short"),
        pytest.param(lambda url: url + "=", id="a signature padded"),
        pytest.param(lambda url: forged(url, signature=quote("签名\0")), id="a signature that is not ASCII"),
        pytest.param(lambda url: forged(url, signature="A" * 6000), id="a signature of 6,000 letters"),
        pytest.param(lambda url: forged(url, job="0" * 32), id="another job's signature"),
        pytest.param(lambda url: forged(url, job="limiter%23tencent-recording"), id="a row that is not a job"),
        pytest.param(lambda url: forged(url, job=quote('x\n{"level":"ERROR"}')), id="a job that writes a log line"),
        pytest.param(lambda url: forged(url, attempt="2"), id="another attempt"),
        pytest.param(lambda url: forged(url, attempt="01"), id="the same attempt, written otherwise"),
        pytest.param(lambda url: forged(url, attempt=quote("１")), id="the same in wide digits"),
        pytest.param(lambda url: forged(url, vendor="volcengine"), id="another vendor"),
        pytest.param(lambda url: forged(url, vendor="missing"), id="a vendor that does not exist"),
        pytest.param(lambda url: forged(url, vendor="tencent-recording%0A" + "x"), id="parts that run together"),
    ],
)
def test_forged_callback_signature_gets_403(stack, unchanged, forge):
    answer = post(forge(address(stack, unchanged)))

    assert (answer.status_code, answer.json()) == (403, {"code": 403, "message": "forbidden"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", "/more", id="a longer path"),
        pytest.param("POST", "/../../../../etc/passwd", id="a parent path"),
        pytest.param("POST", "%2F..%2F..", id="a parent path, encoded"),
    ],
)
def test_unknown_route_is_not_found(stack, unchanged, method, path):
    parts = urlsplit(address(stack, unchanged))
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(f"{method} {parts.path}{path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode())
        status = int(connection.makefile("rb").readline().split()[1])

    assert status in {403, 404}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "/more"])
def test_other_methods_under_callbacks_get_405(stack, unchanged, method, path):
    answer = requests.request(method, address(stack, unchanged) + path, data=SAID, timeout=60)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_callback_of_a_past_attempt_is_acknowledged(stack, unchanged):
    answer = post(address(stack, unchanged, attempt=2))

    assert (answer.status_code, answer.json()["code"]) == (200, 0)


def test_callback_of_another_vendor_is_rejected_in_its_format(stack, unchanged):
    """The signature is valid, so the vendor module parses the body; the body is of another vendor."""
    answer = post(address(stack, unchanged, vendor="volcengine"))

    assert answer.status_code == 400
    assert answer.json() != {"code": 0}


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"", FORM, id="nothing"),
        pytest.param(b"{", JSON, id="half a JSON object"),
        pytest.param(b'{"code":' * 100_000, JSON, id="objects in objects"),
        pytest.param(b"[" * MEGABYTE, JSON, id="lists in lists"),
        pytest.param(b'{"code":"0"}', JSON, id="a success without a text"),
        pytest.param(b'{"code":' + b"9" * 100_000 + b"}", JSON, id="a code of 100,000 digits"),
        pytest.param(b'{"code":NaN,"text":"a"}', JSON, id="a code that is no number"),
        pytest.param(b'["code"]', JSON, id="a list"),
        pytest.param(b'{"code":"0\xff","text":"\xff"}', JSON, id="bytes that are not UTF-8"),
        pytest.param(b"\xff\xfe\x00\xd8" * 1000, {"Content-Type": "text/plain; charset=utf-16"}, id="half characters"),
        pytest.param(b"code=zero&text=a", FORM, id="a code in words"),
        pytest.param(b"text=a", FORM, id="no code"),
        pytest.param(b"&".join([b"a=b"] * 200_000), FORM, id="200,000 fields"),
        pytest.param(b"%%%=%zz&=&&;;", FORM, id="an invalid form"),
        pytest.param(
            b"PK\x03\x04" + bytes(range(256)) * 1000, {"Content-Type": "multipart/form-data"}, id="an archive"
        ),
    ],
)
def test_callback_with_a_foreign_body_is_rejected(stack, unchanged, body, headers):
    answer = post(address(stack, unchanged), body, headers)

    assert (answer.status_code, answer.json()["code"]) == (400, 1)


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "x" * 7000}, {**FORM, "Content-Encoding": "gzip"}])
def test_callback_with_unusual_headers_is_accepted(stack, journey, waiting, headers):
    """The result is in the body; headers are stored as far as metadata can hold them."""
    answer = post(address(stack, waiting), SAID.encode(), headers)

    assert (answer.status_code, answer.json()["code"]) == (200, 0)
    assert journey.transcript(journey.finished(waiting))["text"] == "好"


@pytest.mark.parametrize("size_bytes", [5 * MEGABYTE, 10 * MEGABYTE + 1, 64 * MEGABYTE])
def test_too_large_body_does_not_reach_the_function(stack, unchanged, received, size_bytes):
    try:
        status = post(address(stack, unchanged), b"a" * size_bytes).status_code
    except requests.ConnectionError:  # the connection was closed during the request
        status = 413

    assert status == 413
    assert [event for event in received["CallbackFunction"] if unchanged.encode() in event] == []


@pytest.mark.parametrize("port", ["api", "aws"])
def test_missing_body_does_not_block_other_requests(stack, journey, waiting, port):
    """Bodies that never arrive, at both ports of the stack: the functions' own requests go to the second."""
    parts = urlsplit(address(stack, waiting) if port == "api" else f"{stack.aws_endpoint_url}/{stack.audio_bucket}/a")
    slow = [socket.create_connection((parts.hostname, parts.port), timeout=60) for _ in range(20)]
    for connection in slow:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(f"{head}code=0&te".encode())
    before = journey.row(waiting)

    answer = post(address(stack, waiting, attempt=2))

    assert answer.status_code == 200
    assert journey.row(waiting) == before
    for connection in slow:
        connection.close()
    assert post(address(stack, waiting)).status_code == 200


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(SAID, id="the same"),
        pytest.param(SAID.replace("%E5%A5%BD", "%E5%9D%8F"), id="with another text"),
        pytest.param("code=10004&message=bad&requestId=1", id="with a failure"),
    ],
)
def test_replayed_callback_is_acknowledged_and_changes_nothing(stack, journey, waiting, again):
    assert post(address(stack, waiting)).status_code == 200
    row = journey.finished(waiting)
    before = objects(stack, row["source"]["key"])

    answers = [post(address(stack, waiting), again) for _ in range(3)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(200, 0)] * 3
    assert journey.row(waiting) == row
    assert objects(stack, row["source"]["key"]) == before


# --- names ------------------------------------------------------------------------------------------------------------

# moto accepts no line feed in a name; other line ends serve, and tests/unit/test_hostile_events.py has a line feed.
LINE = 'a\r\x85\u2028{"level":"ERROR","message":"forged"}\r.wav'


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a//b.wav", id="an empty folder"),
        pytest.param(" a .wav ", id="spaces around"),
        pytest.param(f"{LINE}/\t\x07\x1b[2J\x7f.wav", id="a line of the log, terminal control characters"),
        pytest.param(
            "\u202evaw.\u2066gnp.exe/\ufeff\ufffe\u2028/👩‍👩‍👧🇨🇳é\u0301.wav",
            id="written backwards, unassigned characters, emoji and accents",
        ),
        pytest.param(
            "%2F%2e%2e%00/100%/a+b c%20d/a&b=c;d/it's/会议 记录（一）.wav",
            id="literal escapes, plus and percent, signs of a URL, a quote, Chinese",
        ),
        pytest.param(
            "..\\..\\x/</script><img src=x onerror=alert(1)>"
            "/${jndi:ldap://x}{{7*7}}$(id)`id`';--/=cmd|'/c calc'!A1.wav",
            id="a Windows path, markup, strings of other languages, a spreadsheet formula",
        ),
        pytest.param("x.asr.json.wav", id="almost a sidecar"),
        pytest.param("x.wav.json", id="almost a transcript"),
    ],
)
def test_object_name_is_treated_as_data(stack, journey, name):
    audio_key = key("volcengine", name)

    row = journey.finished(journey.drop(audio_key, RECORDING))

    assert row["status"] == "COMPLETED", row.get("error")
    assert row["source"]["key"] == audio_key
    assert row["transcript_key"] == f"transcripts/{audio_key}.json"
    assert journey.transcript(row)["source"]["key"] == audio_key
    for suffix in (".srt", ".vtt", ".txt", ".html"):
        stack.client("s3").head_object(Bucket=stack.transcript_bucket, Key=f"transcripts/{audio_key}{suffix}")


def test_object_name_cannot_inject_a_log_line(stack, operator):
    sidecar = key("abcpen", LINE.replace(".wav", ".asr.json"))
    operator.drop(sidecar, b"not audio")
    operator.handle_events([sidecar])
    operator.finished(operator.drop(key("abcpen", LINE), b"not audio"))

    for function in stack.environments:
        assert not [
            line for line in stack.logs(function).splitlines() if line.startswith('{"level":"ERROR","message":"forged"')
        ]


@pytest.mark.parametrize("path", ["./a/../b.wav", "a/.", ".."])
def test_name_that_clients_rewrite_is_sent_as_bytes_or_rejected(journey, path):
    by_bytes, by_url = key("tencent-recording", path), key("abcpen", path)

    sent, refused = (journey.finished(journey.drop(each, RECORDING)) for each in (by_bytes, by_url))

    assert sent["status"] == "COMPLETED", sent.get("error")
    assert sent["transcript_key"] == f"transcripts/{by_bytes}.json"
    assert (refused["status"], refused["error"]["class"]) == ("FAILED", "config")
    assert refused["error"]["code"] == "UrlRewritten"
    assert "upload it under another name" in refused["error"]["message"]


def test_name_beyond_the_s3_limit_is_rejected_by_s3(stack):
    with pytest.raises(ClientError, match="KeyTooLong"):
        stack.client("s3").put_object(Bucket=stack.audio_bucket, Key=long_key(LONGEST_KEY_BYTES + 1, "a"), Body=b"")


def long_key(size_bytes, letter):
    """Return a key of exactly this many bytes, most of them of one letter."""
    start, end = key("volcengine", ""), ".wav"
    letters, rest = divmod(size_bytes - len(start) - len(end), len(letter.encode()))
    return f"{start}{letter * letters}{'x' * rest}{end}"


@pytest.mark.parametrize(
    ("size_bytes", "letter"),
    [
        pytest.param(1007, "a", id="there is room for .json"),
        pytest.param(1008, "a", id="there is no room for .json"),
        pytest.param(1016, "会", id="the last one that can have a sidecar"),
        pytest.param(1017, "会", id="the first one that cannot"),
        pytest.param(LONGEST_KEY_BYTES, "🎙", id="the longest of all"),
    ],
)
def test_name_of_any_length_has_its_transcript(stack, journey, size_bytes, letter):
    audio_key = long_key(size_bytes, letter)
    assert len(audio_key.encode()) == size_bytes

    row = journey.finished(journey.drop(audio_key, RECORDING))

    assert row["status"] == "COMPLETED", row.get("error")
    assert len(row["transcript_key"].encode()) <= LONGEST_KEY_BYTES
    assert row["transcript_key"].startswith(f"transcripts/{audio_key[:200]}")
    assert journey.transcript(row)["source"]["key"] == audio_key
    beside = row["transcript_key"].removesuffix(".json") + ".html"
    stack.client("s3").head_object(Bucket=stack.transcript_bucket, Key=beside)


def test_unknown_vendor_folder_fails_with_the_known_names(journey):
    folders = {
        "an empty vendor": "incoming/",
        "a vendor that is a path": "incoming/../incoming",
        "a vendor that is encoded": "incoming/abcpen%2Fa",
        "a vendor in capitals": "incoming/ABCPEN",
        "a vendor with a control character": "incoming/abcpen\x01",
    }
    jobs = {case: journey.drop(f"{folder}/a.wav", RECORDING) for case, folder in folders.items()}

    rows = {case: journey.finished(job) for case, job in jobs.items()}

    for case, row in rows.items():
        assert (row["status"], row["error"]["class"], row["error"]["code"]) == ("FAILED", "config", "UnknownVendor"), (
            case
        )
        assert "abcpen-offline" in row["error"]["message"], case


# --- metadata and sidecars --------------------------------------------------------------------------------------------


INVALID_METADATA = {
    "a NUL": {"speakers": "%00"},
    "bytes that are not UTF-8": {"speakers": "%FF%FE"},
    "1,900 digits": {"speakers": "9" * 1900},
    "more than infinity": {"speakers": "1e999"},
    "JSON": {"speakers": '{"a":[1,2,3]}'},
    "below zero": {"speakers": "-1"},
    "a header of its own": {"language": "zh-CN%0D%0AX-Evil: 1"},
    "invalid escapes": {"language": "%u4e2d%zz%"},
    "a vendor that is a path": {"vendor": "../abcpen"},
    "a name that is not known": {"unknown": "1"},
    "a name of 1,000 letters": {"x" * 1000: "1"},
    "600 hotwords": {"hotwords": "%2C".join(["a"] * 600)},
    "an unknown parameter": {"volcengine-secret": "1"},
}


def test_invalid_metadata_fails_with_a_message(journey):
    jobs = {
        case: journey.drop(key("abcpen", "meeting.wav"), RECORDING, **metadata)
        for case, metadata in INVALID_METADATA.items()
    }

    rows = {case: journey.finished(job) for case, job in jobs.items()}

    for case, row in rows.items():
        assert (row["status"], row["error"]["class"]) == ("FAILED", "config"), case
        assert row["error"]["code"] in {"BadOption", "UnknownVendor"}, case
        assert "asr-" in row["error"]["message"], case
        assert len(json.dumps(row, default=str)) < 8000, case
        assert "\n" not in row["error"]["message"], case


INVALID_SIDECARS = {
    "a byte too much": (b" " * (LARGEST_SIDECAR_BYTES + 1), "larger than 64 KB"),
    "20 MB": (b"[" * 20 * MEGABYTE, "larger than 64 KB"),
    "objects in objects": (b'{"a":' * 10_000, "not JSON"),
    "lists in lists": (b'{"speakers":' + b"[" * 900 + b"]" * 900 + b"}", "speakers"),
    "bytes that are not UTF-8": (b"\xff\xfe\xff", "not JSON"),
    "half a character": (b'{"domain":"\\ud800"}', "domain"),
    "a name twice": (b'{"speakers":1,"speakers":2}', "speakers is there twice"),
    "no number": (b'{"speakers":NaN}', "speakers"),
    "5,000 digits": (b'{"speakers":' + b"9" * 5000 + b"}", "not JSON"),
    "a list": (b"[]", "not a JSON object"),
    "nothing": (b"", "not JSON"),
}


def test_invalid_sidecar_fails_with_a_message(stack, journey):
    jobs = {}
    for case, (sidecar, _) in INVALID_SIDECARS.items():
        audio_key = key("abcpen", "meeting.wav")
        stack.client("s3").put_object(Bucket=stack.audio_bucket, Key=f"{audio_key}.asr.json", Body=sidecar)
        jobs[case] = journey.drop(audio_key, RECORDING)

    rows = {case: journey.finished(job) for case, job in jobs.items()}

    for case, row in rows.items():
        assert (row["status"], row["error"]["class"], row["error"]["code"]) == ("FAILED", "config", "BadOption"), case
        assert INVALID_SIDECARS[case][1] in row["error"]["message"], case
        assert len(row["error"]["message"]) < 3000, case


# --- vendors' replies -------------------------------------------------------------------------------------------------


def test_text_with_every_character_is_stored_and_exported(stack, journey):
    said = '好\\u0000\\ud800\\udfff\\u202e\\ufffe\\u2028</script><b>--> {{x}}\\u001b[2J 🎙\\"'
    body = f'{{"Response":{{"Result":"{said}","AudioDuration":1e999,"RequestId":"r"}}}}'
    audio_key = key("tencent-sentence", "meeting.wav")
    journey.fault("tencent-sentence", about=audio_key, on="submit", body=body)

    row = journey.finished(journey.drop(audio_key, RECORDING))

    assert row["status"] == "COMPLETED", row.get("error")
    assert journey.transcript(row)["text"].startswith("好\0")
    beside = row["transcript_key"].removesuffix(".json")
    page = stack.client("s3").get_object(Bucket=stack.transcript_bucket, Key=f"{beside}.html")["Body"].read().decode()
    assert "</script><b>" not in page


def test_error_message_of_ten_megabytes_is_cut_in_the_row(journey):
    error = {"Code": "AuthFailure.SignatureFailure", "Message": "a\n" * (5 * MEGABYTE)}
    audio_key = key("tencent-sentence", "meeting.wav")
    journey.fault("tencent-sentence", about=audio_key, on="submit", body=json.dumps({"Response": {"Error": error}}))

    row = journey.finished(journey.drop(audio_key, RECORDING))

    assert (row["status"], row["error"]["code"]) == ("FAILED", "AuthFailure.SignatureFailure")
    assert len(json.dumps(row, default=str)) < 8000


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "event", "says"),
    [
        ("SubmitFunction", {"Records": [{"s3": {}}]}, "expected Records"),
        ("SubmitFunction", {"action": "submit"}, "job_id"),
        ("SubmitFunction", {"action": "request", "bucket": "b"}, "key"),
        ("PollerFunction", {}, "action"),
        ("PollerFunction", {"action": "query", "job_id": {"a": 1}}, "job_id"),
        ("PollerFunction", {"action": "rm -rf", "job_id": "x"}, "action"),
        ("SweepFunction", {"source": "aws.states", "detail": {}}, "expected detail.input"),
        ("CallbackFunction", {"body": "code=0"}, "expected pathParameters"),
    ],
)
def test_invalid_event_is_rejected_with_a_message(stack, function, event, says):
    with pytest.raises(FunctionError, match=says):
        stack.invoke(function, event)


# --- the API ----------------------------------------------------------------------------------------------------------

SOURCE = b'"source":"s3://b/incoming/auto/a.wav"'


@pytest.mark.parametrize("path", ["/jobs", "/uploads"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half a JSON object"),
        pytest.param(b"[" * MEGABYTE, id="lists in lists"),
        pytest.param(b'{"options":' * 100_000, id="objects in objects"),
        pytest.param(b'{"options":' + b"[" * 5000 + b"]" * 5000 + b"}", id="lists in an option"),
        pytest.param(b"[" + b"{}," * 300_000 + b"{}]", id="300,000 objects"),
        pytest.param(b'{"name":NaN,"source":NaN}', id="no number"),
        pytest.param(b'{"name":1e999,"source":-Infinity}', id="more than infinity"),
        pytest.param(b'{"name":' + b"9" * 10_000 + b"}", id="10,000 digits"),
        pytest.param(b'{"name":{"a":1},"source":["s3://b/k"]}', id="other types"),
        pytest.param(b'{"name":"a.wav",' + SOURCE + b',"admin":true}', id="a name that is not known"),
        pytest.param(b'{"name":"\\ud800.wav","source":"s3://b/\\ud800"}', id="half a character"),
        pytest.param(b'{"name":"\xff\xfe","source":"\xff"}', id="bytes that are not UTF-8"),
        pytest.param(b'{"name":"' + b"a" * 3 * MEGABYTE + b'.wav"}', id="a name of 3 MB"),
        pytest.param(b'{"name":"' + b"a" * 11 * MEGABYTE + b'"}', id="11 MB"),
        pytest.param(b"name=a.wav&source=s3%3A%2F%2Fb%2Fk", id="a form, called JSON"),
    ],
)
def test_invalid_request_body_is_rejected(stack, path, body):
    try:
        answer = requests.post(f"{stack.api_url}{path}", data=body, headers=JSON, timeout=60)
    except requests.ConnectionError:  # the connection was closed during the request
        assert len(body) > 10 * MEGABYTE
        return

    assert len(answer.content) < 5000
    if len(body) > 10 * MEGABYTE:  # answered by API Gateway itself
        assert answer.status_code == 413
    else:
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
