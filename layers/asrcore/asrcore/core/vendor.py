"""The interface that every vendor module implements, and the values in its signatures.

A vendor builds HTTP requests and reads HTTP replies. It does no I/O and has no clock (`now` is a parameter), so that a
test needs nothing but bytes. `net/vendor_http.py` sends the requests.
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
from asrcore.core.documents import MOST_PARTS, TooManyPartsError, read_json
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
from asrcore.core.redaction import mask_addresses
from asrcore.core.transcript import Recognition
from asrcore.core.tuning import Tuning
from asrcore.messages import Message, Param

# Time limits of one HTTP exchange with a vendor, beside the request's own for the first byte of the reply.
CONNECT_TIMEOUT_S = 5
BODY_TIMEOUT_S = 30  # 5 hours of word times are a few MB
LONGEST_RETRY_AFTER_S = 3600.0  # a vendor that asks for a longer wait gets the next attempt earlier
SHORT_CALL_S = 95  # the longest call of a vendor that does not state another: 60 s to the first byte of the reply


class Completion(StrEnum):
    """How a vendor delivers a result."""

    SYNC = "sync"  # in the reply to the submission
    CALLBACK = "callback"  # by a POST to a callback URL
    QUERY = "query"  # in the reply to a query


@dataclass(frozen=True)
class Limits:
    """What a vendor accepts. Empty sets, a format without codecs, and None mean: no documented restriction.

    formats and codecs (by format) have `Audio`'s names; they are those that the vendor's documents list.  refused:
    those that the documents rule out; any other is submitted if the uploader named the vendor, with a warning.
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
    """One attempt to have a recording recognized: the recording and its options, the same for every vendor.

    Attributes:
        job_id: of the job.
        attempt: number of the attempt, from 1.
        audio: what the probe found, or what the conversion wrote.
        size_bytes: of the recording.
        options: canonical options, and those of vendors under their names.
        repeated: this attempt was submitted before, and the vendor's answer was lost.
        named: the uploader chose the vendor, so that formats which its documents do not list are submitted too.
        edition: of the vendor's product; None for the preferred one, and for a vendor without editions.
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
    """A known number of bytes that are read while they are sent, so that memory never holds all of them.

    open: starts reading at the first byte at each call. Raises AsrError if they cannot be read.
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
    """How the recording reaches the vendor, one of: a URL, its bytes, or a stream of them for a vendor without URLs."""

    url: str | None = field(default=None, repr=False)  # signed
    data: bytes | None = field(default=None, repr=False)
    stream: ByteStream | None = None

    def required_url(self) -> str:
        """Return the URL, for a vendor that accepts nothing else. Raises ValueError without one."""
        if self.url is None:
            raise ValueError("this vendor accepts a recording by URL only")
        return self.url

    def required_stream(self) -> ByteStream:
        """Return the stream, for a vendor that accepts nothing else. Raises ValueError without it."""
        if self.stream is None:
            raise ValueError("this vendor accepts a recording as bytes only")
        return self.stream


@dataclass(frozen=True)
class VendorEndpoint:
    """A vendor's base URL, and its object in the secret. model: the stack's, for a recording that names none."""

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
    """One signed HTTP request; it is sent once."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | ByteStream = field(default=b"", repr=False)
    read_timeout_s: float = 30

    @property
    def longest_s(self) -> float:
        """The time limit of the exchange in seconds, from the DNS query to the end of the reply."""
        return CONNECT_TIMEOUT_S + self.read_timeout_s + BODY_TIMEOUT_S


@dataclass(frozen=True)
class HttpReply:
    """One HTTP reply; header names are lower-case."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def retry_after_s(self) -> float:
        """The header Retry-After in seconds (RFC 9110, 10.2.3), an hour at most; 0 without a valid one.

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
    """The vendor accepted the recording; the result follows. Task ids are opaque text: 64-bit numbers, hex, UUIDs."""

    vendor_task_id: str


@dataclass(frozen=True)
class InProgress:
    """The vendor has no result yet: query again later."""


@dataclass(frozen=True)
class Callback:
    """The content of a vendor's callback.

    outcome: the recognition, or the error with which the task ended, or InProgress for a callback that reports the end
    of the task without its result: the vendor is queried at once.
    """

    vendor_task_id: str | None
    outcome: Recognition | InProgress | AsrError


class CodeKind(StrEnum):
    """The meaning of a vendor's code; the last three are error classes."""

    SUCCESS = "success"
    IN_PROGRESS = "in_progress"
    SILENT = "silent"  # finished without speech: an empty transcript
    RETRY = ErrorClass.RETRY.value
    BAD_AUDIO = ErrorClass.BAD_AUDIO.value
    CONFIG = ErrorClass.CONFIG.value


@dataclass(frozen=True)
class Code:
    """One row of a vendor's table of codes.

    meaning: what happened.  advice: what the operator can do.  constraint: of bad audio, the property at fault.
    retry_after_s: seconds before the next attempt, where the vendor's limit is known to last that long.
    """

    kind: CodeKind
    meaning: Message
    advice: Message | None = None
    constraint: AudioConstraint = AudioConstraint.FORMAT
    retry_after_s: float = 0


_ASK_SUPPORT = Message("advice.ask-support")
_UNKNOWN_CHARSET = Message("reply.unknown-charset")
UNDOCUMENTED = Code(CodeKind.RETRY, Message("meaning.code-vendor-not-document"), _ASK_SUPPORT)
# A code whose kind is not an error class is unexpected in an error, and retryable.
_CLASSES = {CodeKind.BAD_AUDIO: ErrorClass.BAD_AUDIO, CodeKind.CONFIG: ErrorClass.CONFIG}
LONGEST_CODE = 64
LONGEST_MESSAGE = 4000  # characters of a vendor's message that are read; some repeat the whole request
_PERSISTENT_WARNING = re.compile(r'\b299 \S+ "((?:[^"\\]|\\.)*)"')
LONGEST_WARNING = 200
MOST_WARNINGS = 3
_GONE = MappingProxyType({404: "Http404", 410: "Http410"})


def read_warnings(header: str) -> list[Message]:
    """Return the warnings about a result in an HTTP Warning header, MOST_WARNINGS at most.

    A server, or a proxy before it, sends them with code 299, "miscellaneous persistent warning" (RFC 7234, section
    5.5), where its document has no field for them.
    """
    texts = [re.sub(r"\\(.)", r"\1", text) for text in _PERSISTENT_WARNING.findall(header)]
    return [
        Message("warning.vendor", {"said": mask_addresses(text)[:LONGEST_WARNING]}) for text in texts[:MOST_WARNINGS]
    ]


class Vendor(ABC):
    """A speech recognition vendor: its properties as class attributes, its protocol as pure methods.

    A vendor implements `submit_request` and `read_submit`; one with Completion.QUERY also `query_request` and
    `read_result`, one with Completion.CALLBACK also `read_callback`. The rest has defaults. Each vendor module names
    the documents that it follows. `now` is UNIX seconds everywhere.
    """

    name: ClassVar[str]
    successor: ClassVar[str] = ""  # of an earlier interface: the vendor name of the one that replaced it
    limits: Limits
    tuning: ClassVar[Tuning]  # rates and sizes in force unless the stack parameter VendorTuning changes them
    completion_modes: ClassVar[frozenset[Completion]]
    supported_options: ClassVar[frozenset[str]]  # canonical options
    parameters: ClassVar[Mapping[str, Parameter]] = MappingProxyType({})  # options under its own name
    may_be_off: ClassVar[bool] = False  # whether the base URL may be empty, which turns the vendor off
    secret_name: ClassVar[str]  # its object in the secret
    secret_fields: ClassVar[tuple[str, ...]]  # required and non-empty in that object
    codes: ClassVar[Mapping[str, Code]]  # every documented code, as text
    # In the reply to a query: codes of a failed task, beside those of class bad_audio, and codes of an unknown task.
    task_codes: ClassVar[frozenset[str]] = frozenset()
    unknown_task_codes: ClassVar[frozenset[str]] = frozenset()
    most_callbacks: ClassVar[int | None] = None  # posts of a result that is not acknowledged, if documented
    edition_codes: ClassVar[frozenset[str]] = frozenset()  # the account has no right to the edition of the submission
    result_headers: ClassVar[tuple[str, ...]] = ()  # reply headers with facts that the body lacks
    form_fields: ClassVar[tuple[str, ...]] = ()  # of a result that is a form whose values may be unencoded
    longest_call_s: ClassVar[float] = SHORT_CALL_S  # of one HTTP exchange, the recording's upload included

    @property
    def generation(self) -> Literal["current", "earlier"]:
        """Whether this is the vendor's current interface or an earlier one."""
        return "earlier" if self.successor else "current"

    def tuned(self, tuning: Tuning) -> "Vendor":
        """Return the vendor with the limits of the stack parameter VendorTuning, where the operator sets them."""
        return self

    def missing_credentials(self, held: Mapping[str, Any]) -> Message | None:
        """Return which fields the vendor's object in the secret lacks; None without any. held: that object."""
        missing = [name for name in self.secret_fields if not held.get(name)]
        return Message("secret.lacks", {"secret": self.secret_name, "fields": missing}) if missing else None

    def chosen_task_id(self, request: RecognitionRequest) -> str | None:
        """Return the task id for the submission of this attempt; None where the vendor chooses it.

        It is the same for the same job and attempt, and is stored before the submission: a submission whose answer is
        lost is then repeated without a second task.
        """
        return None

    def editions(self, request: RecognitionRequest) -> tuple[str, ...]:
        """Return the editions of the product that accept a request, the preferred one first; none for most vendors.

        An account has a right to some of them. After a refusal by one of `edition_codes` the next one is used.
        """
        return ()

    def result_deadline_s(self, request: RecognitionRequest) -> float:
        """Return the seconds after submission at which an attempt without a result ends."""
        return RESULT_DEADLINE_S

    @abstractmethod
    def submit_request(self, submission: Submission) -> HttpRequest:
        """Build the HTTP request that submits the recording.

        Raises:
            AsrError: `config`, for credentials that cannot sign the request.
        """

    @abstractmethod
    def read_submit(self, reply: HttpReply, request: RecognitionRequest) -> Accepted | Recognition:
        """Read the reply to a submission.

        Args:
            reply: any HTTP reply, whatever its status and body.
            request: what was submitted.

        Returns:
            Accepted with the vendor's task id; from a vendor with Completion.SYNC, the recognition.

        Raises:
            AsrError: the vendor rejected the recording; its class says who must act.
            NoAnswerError: the reply does not say whether the vendor accepted it.
        """

    def query_request(self, vendor_task_id: str, endpoint: VendorEndpoint, *, now: int) -> HttpRequest:
        """Build the HTTP request that queries a task's result.

        Raises:
            LookupError: the vendor has no query.
        """
        raise LookupError(f"{self.name} cannot be queried")

    def read_query(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        """Read the reply to a query.

        Returns:
            InProgress, or the recognition.

        Raises:
            QueryFailedError: only the query failed; the task continues.
            TaskNotFoundError: of these, the vendor has no such task.
            AsrError: the task ended without a result.
        """
        try:
            return self.read_result(reply, request)
        except AsrError as error:
            raise self.query_error(error) from None

    def read_result(self, reply: HttpReply, request: RecognitionRequest) -> InProgress | Recognition:
        """Read the reply to a query. Raises AsrError; `read_query` decides whether it ends the task."""
        raise LookupError(f"{self.name} cannot be queried")

    def read_callback(self, body: bytes, content_type: str, request: RecognitionRequest) -> Callback:
        """Read the body of a callback, whose address was authenticated already.

        Args:
            body: at most what API Gateway accepts; any bytes.
            content_type: the header, "" without one.
            request: the attempt that the callback's address names.

        Raises:
            AsrError: BadCallback, for a body that is not one of this vendor's.
            UnreadableResultError: the result in it cannot be read.
            LookupError: the vendor has no callbacks.
        """
        raise LookupError(f"{self.name} does not call back")

    def acknowledge(self, *, stored: bool) -> dict[str, Any]:
        """Return the JSON that the vendor expects in reply to a callback. stored: if not, the vendor posts it again."""
        return {"code": 0, "message": "success"} if stored else {"code": 1, "message": "not stored, please send again"}

    def rejection_reason(self, request: RecognitionRequest) -> Message | None:
        """Return why the vendor does not accept the recording, with both numbers; None if it does."""
        return next(iter(refusals(self.limits, request)), None)

    def unsupported_options(self, request: RecognitionRequest) -> set[str]:
        """Return the requested options that the vendor does not fulfil for this recording.

        Options under another vendor's name are among them, as `vendor.parameter`.
        """
        asked = request.options.requested_names()
        if request.audio.channels == 1:
            asked -= {"channels"}  # of one channel, split and mixed are the same
        elsewhere = {
            f"{vendor}.{parameter}"
            for vendor, own in request.options.vendor.items()
            for parameter in own
            if vendor != self.name
        }
        return (asked - self.supported_options) | elsewhere

    def fixes_speakers(self, request: RecognitionRequest) -> bool:
        """Return whether the requested number of speakers is used; if not, the vendor counts the speakers itself."""
        return True

    def warnings(self, request: RecognitionRequest) -> list[Message]:
        """Return a message for each requested option that the vendor does not fulfil as requested."""
        unsupported_options, speakers = self.unsupported_options(request), request.options.speakers
        found = [
            Message("warning.option-unsupported", {"vendor": self.name, "option": name})
            for name in sorted(unsupported_options)
        ]
        if speakers and "speakers" not in unsupported_options and not self.fixes_speakers(request):
            found.append(Message("warning.speakers-counted", {"vendor": self.name, "speakers": speakers}))
        if request.named and (what := unlisted(self.limits, request.audio)):
            found.append(Message("warning.format-unlisted", {"vendor": self.name, "what": what}))
        return found

    def vendor_options(self, request: RecognitionRequest) -> Mapping[str, Value]:
        """Return the options under this vendor's name, checked, by the names in `parameters`."""
        return request.options.vendor_options(self.name)

    def look_up(self, code: str, message: str = "") -> Code:
        """Return the row of a code; one that is not in the table is retryable, a bounded number of times."""
        return self.codes.get(code, UNDOCUMENTED)

    def error(self, code: str, message: str = "", *, retry_after_s: float = 0) -> AsrError:
        """Return the error for a code.

        message: the vendor's own, which is kept without the signed URL that it may repeat.
        retry_after_s: the wait that the vendor asks for.
        """
        known = self.look_up(code, message)
        params: dict[str, Param] = {"meaning": known.meaning, "advice": known.advice or _ASK_SUPPORT}
        reason = Message("VendorError", params)
        if message:
            reason = Message("VendorError.said", {**params, "said": mask_addresses(message[:LONGEST_MESSAGE])[:200]})
        error_class = _CLASSES.get(known.kind, ErrorClass.RETRY)
        return AsrError(
            error_class,
            mask_addresses(code[:LONGEST_MESSAGE])[:LONGEST_CODE],
            reason,
            self.name,
            constraint=known.constraint,
            retry_after_s=max(known.retry_after_s, retry_after_s),
        )

    def query_error(self, error: AsrError) -> AsrError:
        """Return an error in the reply to a query as the error of the query or of the task, which costs money.

        An error about the query itself (its credentials, its parameters, the vendor's health) does not end the task. An
        address that does not exist is an InterfaceGoneError, which ends the task if it persists.
        """
        if error.code in self.unknown_task_codes:
            return TaskNotFoundError(error.code, self.name)
        if self.successor and error.code in _GONE.values():
            return InterfaceGoneError(error.error_class, error.code, error.reason, error.vendor)
        ended = error.error_class is ErrorClass.BAD_AUDIO or error.code in self.task_codes
        return error if ended else as_failed_query(error)

    def parse_json(self, reply: HttpReply) -> dict[str, Any]:
        """Return a reply's JSON object. Raises AsrError by HTTP status without one, the same for all vendors."""
        try:
            document = read_json(decode(reply.body, declared_charset(reply.headers.get("content-type", ""))))
        except UnknownCharsetError:
            raise self.unusable(reply, "UnknownCharset", _UNKNOWN_CHARSET) from None
        except TooManyPartsError:
            raise self.unusable(reply, "ReplyTooLarge", Message("reply.too-large", {"most": MOST_PARTS})) from None
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        if not reply.body.strip():
            raise self.unusable(reply, "EmptyReply", Message("reply.empty"))
        raise self.unusable(reply, "NotJson", Message("reply.not-json"))

    def checked_code(self, reply: HttpReply, code: str) -> str:
        """Return the code that was read in a reply.

        Raises AsrError as `unusable` makes it without a code, and for an undocumented one where HTTP reports that the
        address of an earlier interface is gone: the code is that of a server without this interface.
        """
        is_gone = self.successor and reply.status in _GONE and code not in self.codes
        if is_gone or not code:
            raise self.unusable(reply, "NoCode", Message("reply.no-code"))
        return code

    def unusable(self, reply: HttpReply, code: str, what: Message) -> AsrError:
        """Return the error for a reply without the required content: `config` for HTTP 4xx, else `retry`.

        code: the error's, for a reply with HTTP 200.  what: a clause about the reply.
        """
        if reply.status != 200:
            code = f"Http{reply.status}"
        if self.successor and reply.status in _GONE:
            gone: dict[str, Param] = {"status": reply.status, "vendor": self.name, "successor": self.successor}
            return AsrError(ErrorClass.CONFIG, code, Message("VendorError.address-gone", gone), self.name)
        params: dict[str, Param] = {"status": reply.status, "what": what}
        if 400 <= reply.status < 500 and reply.status not in (408, 429):
            return AsrError(ErrorClass.CONFIG, code, Message("VendorError.refused", params), self.name)
        reason = Message("VendorError.unusable-reply", params)
        return NoAnswerError(ErrorClass.RETRY, code, reason, self.name, retry_after_s=reply.retry_after_s)

    def parse_callback(self, body: bytes, content_type: str) -> dict[str, Any]:
        """Return a callback's JSON object.

        Raises UnreadableResultError for text in no known character set, AsrError("BadCallback") for what is no object.
        """
        try:
            document = read_json(decode(body, declared_charset(content_type)))
        except UnknownCharsetError:
            raise self.unreadable_callback() from None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self.bad_callback(Message("callback.not-json"))
        return document

    def bad_callback(self, what: Message) -> AsrError:
        """Return the error for a callback that is not one of this vendor's. what: a clause about the callback."""
        reason = Message("BadCallback", {"vendor": self.name, "what": what})
        return AsrError(ErrorClass.RETRY, "BadCallback", reason, self.name)

    def unreadable_callback(self, what: Message = _UNKNOWN_CHARSET) -> UnreadableResultError:
        """Return the error for a callback whose result cannot be read. what: a clause about its text."""
        reason = Message("UnreadableCallback", {"vendor": self.name, "what": what})
        return UnreadableResultError(ErrorClass.RETRY, "UnreadableCallback", reason, self.name)


def attempt_uuid(request: RecognitionRequest) -> str:
    """Return the UUID of an attempt, the same at each call, in the form of version 4, which vendors require."""
    digest = hashlib.sha256(f"{request.job_id}/{request.attempt}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def as_failed_query(error: AsrError) -> QueryFailedError:
    """Return an error of a query as one that does not end the task."""
    return QueryFailedError(error.error_class, error.code, error.reason, error.vendor)


def refusals(limits: Limits, request: RecognitionRequest) -> list[Message]:
    """Return a message for each limit of a vendor that a recording exceeds."""
    audio, found = request.audio, []
    if request.options.language not in limits.languages:
        found.append(Message("unfit.language", _limit(request.options.language, limits.languages)))
    may_try = request.named and limits.refused.isdisjoint({audio.format, audio.codec})
    if not may_try and (what := unlisted(limits, audio)):
        found.append(what)
    if limits.sample_rates_hz and audio.sample_rate_hz and audio.sample_rate_hz not in limits.sample_rates_hz:
        found.append(Message("unfit.sample-rate", _limit(audio.sample_rate_hz, limits.sample_rates_hz)))
    if audio.channels and audio.channels not in limits.channels:
        found.append(unfit_channels(audio.channels, limits.channels))
    if audio.duration_ms and audio.duration_ms > limits.max_duration_ms:
        length_s, most_s = f"{audio.duration_ms / 1000:.10g}", f"{limits.max_duration_ms / 1000:.10g}"
        found.append(Message("unfit.length", {"length_s": length_s, "most_s": most_s}))
    if limits.max_size_bytes and request.size_bytes > limits.max_size_bytes:
        sizes: dict[str, Param] = {"size_bytes": request.size_bytes, "most_bytes": limits.max_size_bytes}
        found.append(Message("unfit.size", sizes))
    return found


def unfit_channels(channels: int, accepted: AbstractSet[int]) -> Message:
    """Return which numbers of channels a vendor accepts. accepted: those."""
    return Message(
        "unfit.channels", {"channels": in_words(channels), "accepted": [in_words(each) for each in sorted(accepted)]}
    )


def in_words(channels: int) -> Message:
    """Return a number of channels as a message."""
    if channels == 1:
        return Message("channels.mono")
    return Message("channels.stereo") if channels == 2 else Message("channels.several", {"channels": channels})


def unlisted(limits: Limits, audio: Audio) -> Message | None:
    """Return the format or codec that a vendor's documents do not list, with those that they do; None where they do."""
    if audio.format not in limits.formats:
        return Message("unfit.format", _limit(audio.format, limits.formats))
    codecs = limits.codecs.get(audio.format, frozenset({audio.codec}))
    if audio.codec in codecs:
        return None
    return Message("unfit.codec", {"codec": audio.codec, "format": audio.format, "accepted": sorted(codecs)})


def _limit(value: str | int, accepted: frozenset[Any]) -> Mapping[str, Param]:
    return {"value": value, "accepted": [str(each) for each in sorted(accepted)]}


def signed_host(base_url: str, canonical_host: str) -> str:
    """Return the host to sign and to send as `Host`: the vendor's own, also for a simulator or proxy."""
    host = urlsplit(base_url).hostname or canonical_host
    domain = canonical_host.split(".", 1)[1]
    return host if host.endswith("." + domain) else canonical_host
