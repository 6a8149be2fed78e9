"""What a stage of a job's path returns to the use case, which settles it: see `finish.settle`.

A plain job is an outcome, too: all there is to record is on its row already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from asrcore.core.errors import AsrError
from asrcore.core.job import Job
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import HttpReply, Vendor
from asrcore.reuse import EarlierResult, NewVersion


@dataclass(frozen=True)
class RawReply:
    """A vendor's reply or callback as it came.

    Attributes:
        body: the bytes of the HTTP body.
        content_type: its media type; empty when the vendor sent none.
        headers: those that hold a part of the result, by lower-case name.
        warning: the HTTP header of this name.
    """

    body: bytes = field(repr=False)
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""

    @classmethod
    def of(cls, reply: HttpReply, vendor: Vendor) -> "RawReply":
        """Return what is kept of a vendor's HTTP reply."""
        kept = {name: reply.headers[name] for name in vendor.result_headers if name in reply.headers}
        return cls(reply.body, reply.headers.get("content-type", ""), kept, reply.headers.get("warning", ""))


@dataclass(frozen=True)
class Recognized:
    """The vendor has the result of the job's current attempt.

    Attributes:
        vendor_task_id: as a callback names it, which may come before the submission's reply was recorded.
    """

    job: Job
    recognition: Recognition
    raw: RawReply
    vendor_task_id: str | None = None


@dataclass(frozen=True)
class Reused:
    """The job's recording has the bytes of an earlier version, which has a transcript."""

    job: Job
    new: NewVersion
    earlier: EarlierResult


@dataclass(frozen=True)
class AttemptFailed:
    """The job's current attempt ended without a result."""

    job: Job
    error: AsrError


@dataclass(frozen=True)
class JobFailed:
    """The job ends without a transcript, whatever state it is in."""

    job: Job
    error: AsrError


Outcome = Job | Recognized | Reused | AttemptFailed | JobFailed
