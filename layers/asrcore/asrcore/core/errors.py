"""Errors as a closed taxonomy: every failure of a job has one of three classes, and the class decides what is done.

`retry`      may pass by itself (busy, rate, network): tried again with growing waits, always bounded
`bad_audio`  this recording, as it is, will not do here: only a vendor that takes what this one could not can help
`config`     an operator must act (credentials, licence, quota, parameters); another vendor may serve meanwhile
"""

from enum import StrEnum


class ErrorClass(StrEnum):
    """What kind of failure, hence what to do."""

    RETRY = "retry"
    BAD_AUDIO = "bad_audio"
    CONFIG = "config"


class AudioConstraint(StrEnum):
    """What of a recording a vendor could not do with; another vendor helps if it takes more of just this."""

    FORMAT = "format"
    SAMPLE_RATE = "sample rate"
    CHANNELS = "channels"
    LENGTH = "length"  # too long
    SHORTNESS = "shortness"  # too short
    SIZE = "size"
    CONTENT = "content"  # there is no speech in it for any vendor


class AsrError(Exception):
    """A foreseen failure of a job.

    error_class: what to do about it.  code: the vendor's own code as text, or one of ours in CamelCase.
    message: what happened and what to do, for the person who dropped the recording; never a secret, a signed URL or
    transcript text.  vendor: whose code it is; None when no vendor was involved.  constraint: of a recording that is
    not accepted, what about it.  retry_after_s: seconds before the next attempt, as the vendor asks or its limit holds.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        code: str,
        message: str,
        vendor: str | None = None,
        *,
        constraint: AudioConstraint = AudioConstraint.FORMAT,
        retry_after_s: float = 0,
    ) -> None:
        super().__init__(f"{vendor or 'asrcore'} {code} ({error_class}): {message}")
        self.error_class = error_class
        self.code = code
        self.message = message
        self.vendor = vendor
        self.constraint = constraint
        self.retry_after_s = retry_after_s


class NoAnswerError(AsrError):
    """A vendor did not answer, or not usably: whether it accepted the request is unknown."""


class UnreadableResultError(AsrError):
    """A callback has a result whose text cannot be read; a second delivery has the same, a query may have it whole."""


class QueryFailedError(AsrError):
    """A question to the vendor failed, the task itself may be fine: ask again, do not submit again."""


class InterfaceGoneError(QueryFailedError):
    """A query met HTTP 404 or 410 at the address of an interface that ages: it may be retired, or away for a moment."""


class TaskNotFoundError(QueryFailedError):
    """The vendor does not know the task: some say so for a moment after submission, all once a result is dropped."""

    def __init__(self, code: str, vendor: str) -> None:
        message = "the vendor does not know the task: not yet, or no longer"
        super().__init__(ErrorClass.RETRY, code, message, vendor)
