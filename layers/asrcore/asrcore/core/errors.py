"""Errors as a closed taxonomy: every failure of a job has one of three classes, and the class decides what is done.

`retry`      retryable (busy, rate, network): repeated with growing waits, always bounded
`bad_audio`  this recording, as it is, will not do here: only a vendor that takes what this one could not can help
`config`     an operator must act (credentials, licence, quota, parameters); another vendor may serve meanwhile
"""

from enum import StrEnum

from asrcore.messages import Message, render


class ErrorClass(StrEnum):
    """The kind of a failure, and with it the reaction."""

    RETRY = "retry"
    BAD_AUDIO = "bad_audio"
    CONFIG = "config"


OBJECT_ARCHIVED = "ObjectArchived"  # S3 returns it only after it is restored
OBJECT_NOT_FOUND = "ObjectNotFound"
OBJECT_REPLACED = "ObjectReplaced"  # a newer object is under the key
NO_RESULT_IN_TIME = "NoResultInTime"  # the code of an attempt that ended without the vendor's result


class AudioConstraint(StrEnum):
    """The property of a recording that a vendor rejected; a vendor that accepts more of it may succeed."""

    FORMAT = "format"
    SAMPLE_RATE = "sample rate"
    CHANNELS = "channels"
    LENGTH = "length"  # too long
    SHORTNESS = "shortness"  # too short
    SIZE = "size"
    CONTENT = "content"  # there is no speech in it for any vendor


class AsrError(Exception):
    """An expected failure of a job.

    error_class: what to do about it.  code: the vendor's own code as text, or one of ours in CamelCase.
    reason: what happened and what to do, for the person who dropped the recording; never a secret, a signed URL or
    transcript text.  message: the same in English.  vendor: whose code it is; None when no vendor was involved.
    constraint: of a recording that is not accepted, what about it.  retry_after_s: seconds before the next attempt, as
    the vendor asks or its limit holds.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        code: str,
        reason: Message,
        vendor: str | None = None,
        *,
        constraint: AudioConstraint = AudioConstraint.FORMAT,
        retry_after_s: float = 0,
    ) -> None:
        super().__init__(f"{vendor or 'asrcore'} {code} ({error_class}): {render(reason)}")
        self.error_class = error_class
        self.code = code
        self.reason = reason
        self.vendor = vendor
        self.constraint = constraint
        self.retry_after_s = retry_after_s

    @property
    def message(self) -> str:
        """The reason in English."""
        return render(self.reason)


class NoAnswerError(AsrError):
    """A vendor did not answer, or not usably: whether it accepted the request is unknown."""


class UnreadableResultError(AsrError):
    """A callback has a result whose text cannot be read. A repeated one has the same; a query may have the text."""


class QueryFailedError(AsrError):
    """A query failed, while the task may continue: query again, do not submit again."""


class InterfaceGoneError(QueryFailedError):
    """A query got HTTP 404 or 410 at the address of an earlier interface, which may be retired or unavailable."""


class TaskNotFoundError(QueryFailedError):
    """The vendor has no such task: some report it just after submission, all after a result is deleted."""

    def __init__(self, code: str, vendor: str) -> None:
        super().__init__(ErrorClass.RETRY, code, Message("TaskNotFound"), vendor)
