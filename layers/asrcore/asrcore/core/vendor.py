"""The one interface that every vendor module implements, and the messages that pass through it.

A vendor builds requests and reads replies; it does no I/O and has no clock (`now` is passed in), so that everything a
vendor understands can be tested by handing it bytes. `net/vendor_http.py` does the sending.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit
from uuid import UUID

from asrcore.core.audio import Audio
from asrcore.core.charset import UnknownCharsetError, declared_charset, decode
from asrcore.core.documents import TooManyPartsError, read_json
from asrcore.core.errors import (
    AsrError,
    AudioConstraint,
    ErrorClass,
    InterfaceGoneError,
    NoAnswerError,
    QueryFailedError,
    TaskNotFoundError,
    UnreadableResultError,
)
from asrcore.core.options import Options
from asrcore.core.parameters import Parameter, Value
from asrcore.core.polling import RESULT_DEADLINE_S
from asrcore.core.transcript import Recognition
from asrcore.core.tuning import Tuning

# Time limits of one HTTP exchange with a vendor, beside the request's own for the first byte of the reply.
CONNECT_TIMEOUT_S = 5
BODY_TIMEOUT_S = 30  # 5 hours of word times are a few MB
LONGEST_RETRY_AFTER_S = 3600.0  # a vendor that asks for a longer wait is tried again earlier
SHORT_CALL_S = 95  # the longest call of a vendor that does not state another: 60 s to the first byte of the reply


class Completion(StrEnum):
    """A way in which a vendor gives its answer."""

    SYNC = "sync"  # in the reply to the submission
    CALLBACK = "callback"  # it posts to an address of ours
    QUERY = "query"  # we ask


@dataclass(frozen=True)
class Limits:
    """What a vendor takes. Empty sets, a format without codecs, and None mean: not restricted as far as is known.

    formats and codecs (by format) are `Audio`'s words, and those that the vendor's documents list.  refused: those that
    the documents rule out; what is neither is submitted where a person named the vendor, with a warning.
    languages are those of `Options`.  max_data_bytes: the largest recording that may be sent as bytes, 0 where only a
    URL is taken.  max_url_length: characters.
    """

    formats: frozenset[str]
    languages: frozenset[str]
    max_duration_ms: int
    sample_rates_hz: frozenset[int] = frozenset()
    codecs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    channels: frozenset[int] = frozenset({1})
    max_size_bytes: int | None = None
    max_data_bytes: int = 0
    max_url_length: int | None = None
    accepts_urls: bool = True  # False: the recording's bytes are always sent


# Linear PCM of another depth than 16 bit, which every vendor with a word on depth asks for.
NOT_16_BIT = frozenset({"pcm_u8", "pcm_s8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"})


@dataclass(frozen=True)
class RecognitionRequest:
    """One recording and what is wanted of it; the same for every vendor.

    repeated: this attempt was submitted before, and the result is unknown.  named: a person chose the vendor, and may
    know more of it than its documents say.  edition: the edition of the vendor's product that this attempt uses;
    None for the vendor's preferred one, or for a vendor without editions.
    """

    job_id: str
    attempt: int
    audio: Audio
    size_bytes: int
    options: Options
    repeated: bool = False
    named: bool = False
    edition: str | None = None


@dataclass(frozen=True)
class ByteStream:
    """Bytes of a known number, read while they are sent: never all of them are in memory.

    open: starts reading at the first byte, each time anew. Raises AsrError when they cannot be read.
    """

    size_bytes: int
    open: Callable[[], Iterator[bytes]] = field(repr=False)

    def __len__(self) -> int:
        return self.size_bytes

    def __iter__(self) -> Iterator[bytes]:
        return self.open()

    def between(self, before: bytes, after: bytes) -> "ByteStream":
        """Return the same bytes with others before and behind them."""

        def chunks() -> Iterator[bytes]:
            yield before
            yield from self.open()
            yield after

        return ByteStream(len(before) + self.size_bytes + len(after), chunks)


@dataclass(frozen=True)
class Delivery:
    """How the recording reaches the vendor: by `url`, as `data`, or as `stream` where URLs are refused; one of them."""

    url: str | None = field(default=None, repr=False)  # signed
    data: bytes | None = field(default=None, repr=False)
    stream: ByteStream | None = None

    def required_url(self) -> str:
        """The URL, for a vendor that takes nothing else. Raises ValueError without one: the caller's mistake."""
        if self.url is None:
            raise ValueError("this vendor takes a recording by URL only")
        return self.url

    def required_stream(self) -> ByteStream:
        """Return the stream, for a vendor that accepts nothing else. Raises ValueError without it."""
        if self.stream is None:
            raise ValueError("this vendor accepts a recording as bytes only")
        return self.stream


@dataclass(frozen=True)
class VendorEndpoint:
    """Where a vendor is reached, and its object in the secret. model: of the stack, unless the recording names one."""

    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    model: str = ""


@dataclass(frozen=True)
class Submission:
    """What a vendor needs to build the request that submits a recording.

    Attributes:
        request: the recording and its options.
        delivery: the recording's URL or bytes.
        endpoint: the vendor's base URL and credentials.
        callback_url: where the vendor posts the result; vendors that do not call back ignore it.
        now: the current time in UNIX seconds, for the signature.
        nonce: a random positive integer, for the signature.
    """

    request: RecognitionRequest
    delivery: Delivery
    endpoint: VendorEndpoint
    callback_url: str = field(repr=False)
    now: int
    nonce: int


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request, signed: it is sent once and never again."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | ByteStream = field(default=b"", repr=False)
    read_timeout_s: float = 30

    @property
    def longest_s(self) -> float:
        """Seconds after which the exchange is cut off, from looking up the name to the end of the reply."""
        return CONNECT_TIMEOUT_S + self.read_timeout_s + BODY_TIMEOUT_S


@dataclass(frozen=True)
class HttpReply:
    """One HTTP reply; header names are lower-case."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def retry_after_s(self) -> float:
        """Seconds that the header Retry-After asks to wait (RFC 9110, 10.2.3), an hour at most; 0 without a usable one.

        A date counts from the reply's own date, so that the vendor's clock may be wrong.
        """
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", value):
            return min(float(value), LONGEST_RETRY_AFTER_S)
        try:
            until, now = (parsedate_to_datetime(each) for each in (value, self.headers.get("date", "")))
            return min(max(0.0, (until - now).total_seconds()), LONGEST_RETRY_AFTER_S)
        except (ValueError, TypeError):
            return 0.0


@dataclass(frozen=True)
class Accepted:
    """The vendor took the recording and will answer later. Ids are opaque text: they may be 64-bit numbers or hex."""

    vendor_task_id: str


@dataclass(frozen=True)
class InProgress:
    """Not finished: ask later."""


@dataclass(frozen=True)
class Callback:
    """What a vendor's callback says: which task, and its recognition or why there is none.

    InProgress where the callback only tells that there is news: the vendor is to be asked, at once.
    """

    vendor_task_id: str | None
    outcome: Recognition | InProgress | AsrError


class CodeKind(StrEnum):
    """What a vendor's code means; the last three are error classes."""

    SUCCESS = "success"
    IN_PROGRESS = "in_progress"
    SILENT = "silent"  # finished, and nobody spoke: an empty transcript
    RETRY = ErrorClass.RETRY.value
    BAD_AUDIO = ErrorClass.BAD_AUDIO.value
    CONFIG = ErrorClass.CONFIG.value


@dataclass(frozen=True)
class Code:
    """A vendor's code: its kind, what happened, what an operator can do, and of bad audio, what it is about.

    retry_after_s: seconds before the next attempt, where the vendor's limit is known to hold that long.
    """

    kind: CodeKind
    meaning: str
    advice: str = ""
    constraint: AudioConstraint = AudioConstraint.FORMAT
    retry_after_s: float = 0


UNDOCUMENTED = Code(
    CodeKind.RETRY,
    "a code that the vendor does not document",
    "If it persists, ask the vendor's support what it means.",
)
# A code whose kind is no error class is one that does not belong where it came, which may pass.
_CLASSES = {CodeKind.BAD_AUDIO: ErrorClass.BAD_AUDIO, CodeKind.CONFIG: ErrorClass.CONFIG}
# A signed address, or as much of one as is signed.
_URL = re.compile(r"(?:https?(?::|%3A)|X-Amz-|(?:/|%2F)callbacks(?:/|%2F))\S+", re.IGNORECASE)
LONGEST_CODE = 64
_PERSISTENT_WARNING = re.compile(r'\b299 \S+ "((?:[^"\\]|\\.)*)"')
LONGEST_WARNING = 200
MOST_WARNINGS = 3
_GONE = MappingProxyType({404: "Http404", 410: "Http410"})


def read_warnings(header: str) -> list[str]:
    """Return the texts of an HTTP Warning header that are meant for the reader of a result.

    Code 299, "miscellaneous persistent warning" (RFC 7234, section 5.5), is how a server, or a proxy before it, says
    more than its document has a field for.
    """
    texts = [re.sub(r"\\(.)", r"\1", text) for text in _PERSISTENT_WARNING.findall(header)]
    return [f"the vendor says: {_URL.sub('(URL)', text)[:LONGEST_WARNING]}" for text in texts[:MOST_WARNINGS]]


class Vendor(ABC):
    """A speech recognition vendor. Methods are pure; `now` is UNIX seconds, `nonce` a fresh random positive integer."""

    name: ClassVar[str]
    successor: ClassVar[str] = ""  # of an interface that ages: our vendor for the one that replaced it
    limits: Limits
    tuning: ClassVar[Tuning]  # rates and sizes in force unless the stack parameter VendorTuning changes them
    completion_modes: ClassVar[frozenset[Completion]]
    supported_options: ClassVar[frozenset[str]]  # the canonical options that it can fulfil
    parameters: ClassVar[Mapping[str, Parameter]] = MappingProxyType({})  # what may be set under its own name
    may_be_off: ClassVar[bool] = False  # whether it may have no base URL, and is off without
    secret_name: ClassVar[str]  # its object in the secret
    secret_fields: ClassVar[tuple[str, ...]]  # what that object must hold, all non-empty
    codes: ClassVar[Mapping[str, Code]]  # every documented code, as text
    # At a query: the codes with which a task has ended, beside those of class bad_audio, and those of an unknown task.
    task_codes: ClassVar[frozenset[str]] = frozenset()
    unknown_task_codes: ClassVar[frozenset[str]] = frozenset()
    most_callbacks: ClassVar[int | None] = None  # how often it posts a result that is not acknowledged, if it says so
    edition_codes: ClassVar[frozenset[str]] = frozenset()  # the account has no right to the edition of the submission
    result_headers: ClassVar[tuple[str, ...]] = ()  # headers of its replies that say what the body does not
    longest_call_s: ClassVar[float] = SHORT_CALL_S  # of one HTTP exchange, the recording's upload included

    @property
    def generation(self) -> Literal["current", "earlier"]:
        """Return which of the vendor's interfaces this is."""
        return "earlier" if self.successor else "current"

    def tuned(self, tuning: Tuning) -> "Vendor":
        """Return the vendor as the stack parameter VendorTuning makes it: another where limits are the operator's."""
        return self

    def missing_secret_fields(self, held: Mapping[str, Any]) -> str:
        """What the vendor's object in the secret lacks, in words; "" when nothing."""
        return ", ".join(name for name in self.secret_fields if not held.get(name))

    def chosen_task_id(self, request: RecognitionRequest) -> str | None:
        """The task id that the submission of this attempt will have; None where the vendor chooses it.

        The same for the same job and attempt, so that it can be written down first: a submission of which nobody knows
        whether it arrived is then repeated without a second task.
        """
        return None

    def editions(self, request: RecognitionRequest) -> tuple[str, ...]:
        """Return the editions of the product that may serve an order, the preferred one first; none for most vendors.

        An account has a right to some of them. After a refusal by one of `edition_codes` the next one is used.
        """
        return ()

    def result_deadline_s(self, request: RecognitionRequest) -> float:
        """Seconds after submission at which a result that has not come is no longer waited for."""
        return RESULT_DEADLINE_S

    @abstractmethod
    def submit_request(self, submission: Submission) -> HttpRequest:
        """The request that hands the recording over. callback_url is used by vendors that call back."""

    @abstractmethod
    def read_submit(self, reply: HttpReply, request: RecognitionRequest) -> Accepted | Recognition:
        """Accepted, or the recognition itself from a vendor that answers at once. Raises AsrError."""

    def query_request(self, vendor_task_id: str, endpoint: VendorEndpoint, *, now: int) -> HttpRequest:
        """The request that asks for the result; only vendors that complete by query have it."""
        raise LookupError(f"{self.name} cannot be queried")

    def read_query(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        """InProgress or the recognition.

        Raises QueryFailedError where only the question failed, of these TaskNotFoundError where the vendor does not
        know the task, and AsrError for the end of the task.
        """
        try:
            return self.read_result(reply, request)
        except AsrError as error:
            raise self.query_error(error) from None

    def read_result(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        """What the answer to a query says. Raises AsrError; `read_query` tells what it means for the task."""
        raise LookupError(f"{self.name} cannot be queried")

    def read_callback(self, body: bytes, content_type: str, request: RecognitionRequest) -> Callback:
        """What a callback says. Raises AsrError("BadCallback") when the body is not one of this vendor's."""
        raise LookupError(f"{self.name} does not call back")

    def acknowledge(self, *, stored: bool) -> dict[str, Any]:
        """The JSON that the vendor expects in answer to a callback: taken over, or failed and wanted again."""
        return {"code": 0, "message": "success"} if stored else {"code": 1, "message": "not stored, please send again"}

    def rejection_reason(self, request: RecognitionRequest) -> str | None:
        """Why this vendor cannot take this recording, in words with both numbers; None when it can."""
        return next(iter(refusals(self.limits, request)), None)

    def unsupported_options(self, request: RecognitionRequest) -> set[str]:
        """The options that somebody asked for and this recording will not get from this vendor.

        Those set under another vendor's name are among them, as `vendor.parameter`.
        """
        asked = request.options.requested_names()
        if request.audio.channels == 1:
            asked -= {"channels"}  # one channel alone is split and mixed at once
        elsewhere = {
            f"{vendor}.{parameter}"
            for vendor, own in request.options.vendor.items()
            for parameter in own
            if vendor != self.name
        }
        return (asked - self.supported_options) | elsewhere

    def fixes_speakers(self, request: RecognitionRequest) -> bool:
        """Whether the number of speakers that somebody asked for is kept; if not, they are told apart and counted."""
        return True

    def warnings(self, request: RecognitionRequest) -> list[str]:
        """What this recording will not get from this vendor in the way it was asked for, a sentence each."""
        unsupported_options, speakers = self.unsupported_options(request), request.options.speakers
        found = [
            f"{self.name} cannot honour the option {name!r}; it was left out" for name in sorted(unsupported_options)
        ]
        if speakers and "speakers" not in unsupported_options and not self.fixes_speakers(request):
            found.append(f"{self.name} tells speakers apart, but counts them itself: they may not be {speakers}")
        if request.named and (what := unlisted(self.limits, request.audio)):
            found.append(f"{self.name} does not list {what}; it was submitted because the vendor was named")
        return found

    def vendor_options(self, request: RecognitionRequest) -> Mapping[str, Value]:
        """What somebody set under this vendor's name: of `parameters`, checked, by their names there."""
        return request.options.vendor_options(self.name)

    def look_up(self, code: str, message: str = "") -> Code:
        """What a code means; one that is not in the table is a bounded retry."""
        return self.codes.get(code, UNDOCUMENTED)

    def error(self, code: str, message: str = "", *, retry_after_s: float = 0) -> AsrError:
        """The error that a code stands for.

        message: the vendor's own words, kept beside ours, without the signed URL that they may repeat.
        retry_after_s: how long the vendor asks to wait.
        """
        known = self.look_up(code, message)
        told = f" The vendor says: {_URL.sub('(URL)', message)[:200]}" if message else ""
        text = f"{known.meaning}. {known.advice}".strip() + told
        error_class = _CLASSES.get(known.kind, ErrorClass.RETRY)
        return AsrError(
            error_class,
            code[:LONGEST_CODE],
            text,
            self.name,
            constraint=known.constraint,
            retry_after_s=max(known.retry_after_s, retry_after_s),
        )

    def query_error(self, error: AsrError) -> AsrError:
        """What an error that answers a query means for the task, which may be at work, and is paid for.

        What is said of the call (its credentials, its parameters, the vendor's health) does not end the task. An
        address that is gone is an InterfaceGoneError, which ends the task when it persists.
        """
        if error.code in self.unknown_task_codes:
            return TaskNotFoundError(error.code, self.name)
        if self.successor and error.code in _GONE.values():
            return InterfaceGoneError(error.error_class, error.code, error.message, error.vendor)
        ended = error.error_class is ErrorClass.BAD_AUDIO or error.code in self.task_codes
        return error if ended else as_failed_query(error)

    def parse_json(self, reply: HttpReply) -> dict[str, Any]:
        """A reply's JSON object. Raises AsrError by HTTP status where there is none, alike for all vendors."""
        try:
            document = read_json(decode(reply.body, declared_charset(reply.headers.get("content-type", ""))))
        except UnknownCharsetError as error:
            raise self.unusable(reply, "UnknownCharset", f"answered something unreadable: {error}") from None
        except TooManyPartsError as error:
            raise self.unusable(reply, "ReplyTooLarge", f"answered with {error}") from None
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        if not reply.body.strip():
            raise self.unusable(reply, "EmptyReply", "answered nothing")
        raise self.unusable(reply, "NotJson", "answered something that is not a JSON object")

    def checked_code(self, reply: HttpReply, code: str) -> str:
        """Return the code that was read in a reply.

        Raises AsrError as `unusable` makes it for no code, and for an undocumented one where HTTP says that the address
        of an interface that ages is gone: it is the code of a server that knows no such interface.
        """
        is_gone = self.successor and reply.status in _GONE and code not in self.codes
        if is_gone or not code:
            raise self.unusable(reply, "NoCode", "answered without a code")
        return code

    def unusable(self, reply: HttpReply, code: str, what: str) -> AsrError:
        """The error for a reply that does not say what it must: `config` for a refusal by HTTP status, else `retry`.

        code: ours, for a reply with HTTP 200.  what: what the vendor did, as the sentence's predicate.
        """
        if reply.status != 200:
            code = f"Http{reply.status}"
        if self.successor and reply.status in _GONE:
            message = (
                f"the vendor answers HTTP {reply.status} at the address of {self.name}, an interface of an earlier"
                f" generation: it may be retired. Check the vendor's base URL, or use {self.successor} instead."
            )
            return AsrError(ErrorClass.CONFIG, code, message, self.name)
        if 400 <= reply.status < 500 and reply.status not in (408, 429):
            advice = "check the vendor's credentials and base URL"
            message = f"the vendor refused the request (HTTP {reply.status}) and {what}: {advice}"
            return AsrError(ErrorClass.CONFIG, code, message, self.name)
        advice = "if it persists, check the vendor's base URL and its status page"
        message = f"the vendor {what} (HTTP {reply.status}); {advice}"
        return NoAnswerError(ErrorClass.RETRY, code, message, self.name, retry_after_s=reply.retry_after_s)

    def parse_callback(self, body: bytes, content_type: str) -> dict[str, Any]:
        """Return a callback's JSON object.

        Raises UnreadableResultError for text in no known character set, AsrError("BadCallback") for what is no object.
        """
        try:
            document = read_json(decode(body, declared_charset(content_type)))
        except UnknownCharsetError as error:
            raise self.unreadable_callback(str(error)) from None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self.bad_callback("it is no JSON object")
        return document

    def bad_callback(self, what: str) -> AsrError:
        """The error for a callback that is not one of this vendor's; what: the sentence's end."""
        return AsrError(ErrorClass.RETRY, "BadCallback", f"the callback is not one of {self.name}'s: {what}", self.name)

    def unreadable_callback(self, why: str) -> UnreadableResultError:
        """The error for a callback with a result that cannot be read; why: the sentence's end."""
        message = f"the result in the callback of {self.name} cannot be read: {why}"
        return UnreadableResultError(ErrorClass.RETRY, "UnreadableCallback", message, self.name)


def attempt_uuid(request: RecognitionRequest) -> str:
    """A UUID that only this attempt has, always the same; in form a random one (version 4), as vendors want it."""
    digest = hashlib.sha256(f"{request.job_id}/{request.attempt}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def as_failed_query(error: AsrError) -> QueryFailedError:
    """An error met while asking, as one that leaves the task alone."""
    return QueryFailedError(error.error_class, error.code, error.message, error.vendor)


def refusals(limits: Limits, request: RecognitionRequest) -> list[str]:
    """One sentence for each of a vendor's limits that a recording breaks."""
    audio, found = request.audio, []
    if request.options.language not in limits.languages:
        found.append(f"language {request.options.language} (takes {_listed(limits.languages)})")
    may_try = request.named and limits.refused.isdisjoint({audio.format, audio.codec})
    if not may_try and (what := unlisted(limits, audio)):
        found.append(what)
    if limits.sample_rates_hz and audio.sample_rate_hz and audio.sample_rate_hz not in limits.sample_rates_hz:
        found.append(f"sample rate {audio.sample_rate_hz} Hz (takes {_listed(limits.sample_rates_hz)})")
    if audio.channels and audio.channels not in limits.channels:
        found.append(unfit_channels(audio.channels, limits.channels))
    if audio.duration_ms and audio.duration_ms > limits.max_duration_ms:
        found.append(f"length {audio.duration_ms / 1000:.10g} s (takes up to {limits.max_duration_ms / 1000:.10g} s)")
    if limits.max_size_bytes and request.size_bytes > limits.max_size_bytes:
        found.append(f"size {request.size_bytes} bytes (takes up to {limits.max_size_bytes})")
    return found


def unfit_channels(channels: int, taken: AbstractSet[int]) -> str:
    """Return in words that a vendor takes other numbers of channels."""
    words = {1: "mono", 2: "stereo"}
    listed = " and ".join(words.get(each, f"{each} channels") for each in sorted(taken))
    return f"{words.get(channels, f'{channels} channels')}; this vendor takes {listed}"


def unlisted(limits: Limits, audio: Audio) -> str | None:
    """Return the format or codec that a vendor's documents do not list, with those that they do; None where they do."""
    if audio.format not in limits.formats:
        return f"format {audio.format} (takes {_listed(limits.formats)})"
    codecs = limits.codecs.get(audio.format, frozenset({audio.codec}))
    return None if audio.codec in codecs else f"codec {audio.codec} in {audio.format} (takes {_listed(codecs)})"


def _listed(values: frozenset[Any]) -> str:
    return ", ".join(str(value) for value in sorted(values))


def signed_host(base_url: str, canonical_host: str) -> str:
    """The host to sign and to send as `Host`: the vendor's own, also when a simulator or proxy is spoken to."""
    host = urlsplit(base_url).hostname or canonical_host
    domain = canonical_host.split(".", 1)[1]
    return host if host.endswith("." + domain) else canonical_host
