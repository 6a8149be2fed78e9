"""An example of every property in the OpenAPI document, and what a property is where its model does not say it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_JOB_ID = "3a7b4ce0827c34d727d1c26bf9b3f9a0"
_KEY = "incoming/auto/uploads/5d41402abc4b2a76b9719d911017c592/meeting.wav"
_AMOUNT = {"usd": 0.00045, "cny": 0.0032}
_COUNTS = {"QUEUED": 0, "IN_PROGRESS": 2, "COMPLETED": 41, "FAILED": 1}
_AUDIO = {
    "format": "wav",
    "codec": "pcm_s16le",
    "sample_rate_hz": 16000,
    "channels": 1,
    "duration_ms": 62500,
    "bits_per_sample": 16,
    "declared_ms": None,
}
_COST = {
    "vendor": _AMOUNT,
    "vendors": {"tencent-sentence": _AMOUNT},
    "aws": {"usd": 0.00008, "cny": 0.00057},
    "total": {"usd": 0.00053, "cny": 0.00377},
    "usd_in_cny": 7.1,
    "prices_from": "2026-11-20",
    "assumptions": ["the rate of exchange"],
}
_WARNING = {"code": "warning.no-speech", "params": {}, "text": "the vendor recognized no speech"}
_LINKS = {"self": f"/jobs/{_JOB_ID}", "transcript": f"/jobs/{_JOB_ID}/transcript"}
_RECORDING = {
    "bucket": "asrcore-audio-123456789012-eu-central-1",
    "key": _KEY,
    "version_id": "3HL4kqtJlcpXroDTDmJ",
    "size_bytes": 2000044,
    "audio": _AUDIO,
}
_PARTS = [{"number": 1, "size_bytes": 16777216}]
_MONTH = {"month": "2026-11", "counts": _COUNTS, "hours": 12.25, "cost": {"usd": 3.1, "cny": 22.01}}


class Property(NamedTuple):
    """A property. description: None where its model has one."""

    example: Any
    description: str | None = None


# By schema and name, or by name alone; also the parameters of requests.
PROPERTIES: Mapping[str, Property] = MappingProxyType(
    {
        "at": Property("2026-11-30T09:00:00Z", "when it was saved, UTC"),
        "attempts": Property([], "every submission to a vendor, the first one first"),
        "audio": Property(_AUDIO, "its properties"),
        "assumptions": Property(["the rate of exchange"], "of the figures, in words"),
        "aws": Property(_AMOUNT, "an estimate of requests, computing time and traffic"),
        "bits_per_sample": Property(16, "null where the codec has none"),
        "bom": Property("true"),
        "bucket": Property(_RECORDING["bucket"], "the audio bucket"),
        "by": Property("editor@example.com", "who saved it"),
        "channels": Property(1, "null where they are not known"),
        "choice": Property({"code": "first_in_chain", "params": {}, "text": "it is the first that accepts it"}),
        "cny": Property(0.0032, "yuan"),
        "code": Property("ObjectNotFound", "the same in every language"),
        "codec": Property("pcm_s16le", "as FFmpeg names it"),
        "content_type": Property("audio/wav"),
        "conversion": Property(None),
        "correction": Property(None),
        "cost": Property(_COST, "of the job"),
        "counts": Property(_COUNTS),
        "created_at": Property("2026-11-30T08:59:30Z"),
        "cursor": Property("MjAyNi0xMS0zMFQwODo1OTozMC4wMDAwMDBaIzNhN2I"),
        "declared_ms": Property(None, "the length that the header states, where it differs"),
        "detail": Property("see errors"),
        "due_at": Property("2026-11-30T08:59:31Z"),
        "duration_ms": Property(62500, "the length in milliseconds; null where it is not known"),
        "elapsed_s": Property(12.5),
        "ended_at": Property("2026-11-30T08:59:43Z", "when its result was known, UTC; null until then"),
        "error": Property(None),
        "errors": Property([{"pointer": "/body/name", "message": "it is missing", "message_code": "invalid.missing"}]),
        "expires_at": Property("2026-11-30T10:00:00Z"),
        "expires_in_s": Property(900),
        "fields": Property({"key": _KEY, "policy": "eyJleHBpcmF0aW9uIjoi", "x-amz-signature": "4f2c"}),
        "form": Property("wav", "its name"),
        "format": Property("wav", "the container"),
        "Parameter.format": Property("srt", "of the transcript"),
        "from": Property("2026-11-01T00:00:00Z"),
        "hours": Property(12.25),
        "in_parts": Property(example=False),
        "inline": Property("true"),
        "instance": Property("urn:uuid:8f3c1d8e-7a52-4a5b-9d6e-3c1f0a5e7b21"),
        "If-None-Match": Property('W/"6c7fba1a0b3c4d5e6f708192a3b4c5d6"'),
        "idempotency-key": Property("board-meeting-1"),
        "job": Property(f"/jobs?key={_KEY}"),
        "JobResult.job": Property(None),
        "job_id": Property(_JOB_ID, "of the job"),
        "jobs": Property([], "the latest first"),
        "JobRequests.jobs": Property([{"source": "https://recordings.example.com/board.mp3"}]),
        "key": Property(_KEY, "in the audio bucket"),
        "length_s": Property(62.5),
        "limit": Property(50),
        "lines": Property(2),
        "links": Property(_LINKS, "paths of this API about the job"),
        "max_bytes": Property(1000000000),
        "max_line": Property(42),
        "message": Property("it is missing", "in the language of the response"),
        "message_code": Property("invalid.missing", "of the message, the same in every language"),
        "month": Property("2026-11"),
        "months": Property([_MONTH]),
        "Parameter.months": Property(1),
        "multipart": Property({"upload_id": "WyJpbmNvbWluZyJd", "part_bytes": 16777216, "parts": 12}),
        "name": Property("meeting.wav"),
        "newline": Property("crlf"),
        "next_cursor": Property(None),
        "number": Property(1, "from 1"),
        "numbers": Property([1, 2, 3]),
        "options": Property({"speakers": 2, "language": "zh-CN"}, "as they were requested"),
        "Parameter.options": Property('{"speakers": 2}'),
        "outcome": Property("completed", "completed, or the class of its error; null until it ends"),
        "params": Property({"name": "speakers"}, "of the message, by name"),
        "part_bytes": Property(16777216),
        "parts": Property(12),
        "playable": Property("false"),
        "pointer": Property("/body/name"),
        "prices_from": Property("2026-11-20", "the day of the oldest price that was used"),
        "problem": Property(None),
        "queries": Property(3),
        "recording": Property(_RECORDING, "the object that was uploaded"),
        "results": Property([]),
        "sample_rate_hz": Property(16000, "null where it is not known"),
        "seconds": Property(62.5),
        "self": Property(_LINKS["self"], "the job"),
        "size_bytes": Property(2000044),
        "Conversion.size_bytes": Property(2000044, "of the converted recording"),
        "source": Property("https://recordings.example.com/board.mp3"),
        "stage": Property("completed", "of the pipeline"),
        "status": Property("COMPLETED", "of the job"),
        "JobResult.status": Property(202),
        "Problem.status": Property(422),
        "submitted_at": Property("2026-11-30T08:59:31Z", "when the vendor accepted it, UTC; null until then"),
        "tag": Property(["project:alpha"]),
        "tags": Property({"project": "alpha"}),
        "text": Property("the vendor recognized no speech", "in the language of the response"),
        "title": Property("The request is not valid", "in the language of the response"),
        "to": Property("2026-12-01T00:00:00Z"),
        "total": Property(_AMOUNT, "null when the vendor's part is"),
        "track": Property(1, "the audio track, from 1"),
        "transcript": Property(_LINKS["transcript"], "null until the job is COMPLETED"),
        "type": Property("urn:asrcore:problem:invalid-request"),
        "typical_s": Property(9.5),
        "until": Property("2026-11-30T09:05:00Z"),
        "updated_at": Property("2026-11-30T08:59:43Z"),
        "upload_id": Property("WyJpbmNvbWluZy9hdXRvL3VwbG9hZHMiXQ", "as POST /uploads returns it"),
        "uploaded": Property(_PARTS),
        "url": Property("https://audio-bucket.example.com/"),
        "urls": Property([{"number": 1, "url": "https://example.com/part", "size_bytes": 16777216}]),
        "usd": Property(0.00045, "US dollars"),
        "usd_in_cny": Property(7.1, "the rate of exchange"),
        "vendor": Property("tencent-sentence", "its name; null where there is none"),
        "Cost.vendor": Property(_AMOUNT, "null if a price or the length is not known"),
        "vendor_task_id": Property("4000048858", "the vendor's id of it; null where there is none"),
        "vendors": Property({"tencent-sentence": _AMOUNT}, "the known amounts, by vendor"),
        "version_id": Property("3HL4kqtJlcpXroDTDmJ"),
        "waiting": Property(None),
        "warnings": Property([_WARNING], "what the caller may want to know; the job continues"),
        "webhook": Property("https://hooks.example.com/jobs"),
        "GatewayError.message": Property("Forbidden", "in English"),
        "JobError.class": Property("bad_audio", "what it needs: another recording, an operator, or another attempt"),
        "VendorReason.code": Property("first_in_chain", "of the reason"),
        "InvalidField.params": Property({}, "of the message, by name"),
        "StatusCounts.QUEUED": Property(0, "jobs with this status"),
        "StatusCounts.IN_PROGRESS": Property(2, "jobs with this status"),
        "StatusCounts.COMPLETED": Property(41, "jobs with this status"),
        "StatusCounts.FAILED": Property(1, "jobs with this status"),
        "MonthTotals.cost": Property({"usd": 3.1, "cny": 22.01}),
    }
)


def describe(schema: str, name: str, described: dict[str, Any]) -> None:
    """Add the example of a property, and its description if it has none.

    Args:
        schema: its schema's name; `Parameter` for a parameter of requests.
        name: of the property.
        described: the property in the document, or the parameter.

    Raises:
        LookupError: PROPERTIES has no such property.
    """
    found = PROPERTIES.get(f"{schema}.{name}") or PROPERTIES[name]
    if "description" not in described:
        inner = [each["description"] for each in described.get("anyOf", []) if "description" in each]
        described["description"] = inner[0] if inner else found.description
    if schema == "Parameter":
        described["example"] = found.example
    else:
        described["examples"] = [found.example]
