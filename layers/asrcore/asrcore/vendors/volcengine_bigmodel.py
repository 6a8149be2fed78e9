"""Volcengine AUC, v3 "bigmodel", standard and idle editions: submitted under an id of ours, answered by query.

What came of a call is told by headers of the reply. A callback says no more for certain than that there is news.
Source: Volcengine recording-file recognition, v3 bigmodel (submit, query, callback, error codes); idle edition.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asrcore.core.charset import declared_charset, decode
from asrcore.core.documents import read_json
from asrcore.core.errors import Trait
from asrcore.core.options import Options
from asrcore.core.parameters import Choice, JsonObject, Switch, Value, Whole, a_name
from asrcore.core.transcript import Recognition, recognition
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import (
    UNDOCUMENTED,
    Accepted,
    Account,
    Callback,
    Code,
    Completion,
    Delivery,
    InProgress,
    Kind,
    Limits,
    Order,
    Reply,
    Request,
    Vendor,
    attempt_uuid,
)
from asrcore.vendors import advice, reading
from asrcore.vendors.volcengine_utterances import utterances

PATH = "/api/v3/auc/bigmodel"
STANDARD = "volc.bigasr.auc"  # the resource id
IDLE_ENDING = "_idle"
IDLE_DEADLINE_S = 25 * 3600  # the idle edition promises 24 hours
MANDARIN = "zh-CN"
LANGUAGES = frozenset(
    {
        MANDARIN, "en-US", "ja-JP", "id-ID", "es-MX", "pt-BR", "de-DE", "fr-FR", "ko-KR", "fil-PH", "ms-MY", "th-TH",
        "ar-SA",
    }
)  # fmt: skip
CONTAINERS = MappingProxyType({"pcm": "raw", "wav": "wav", "mp3": "mp3", "ogg": "ogg"})
CODECS = MappingProxyType({"pcm_s16le": "raw", "opus": "opus"})  # the vendor names no other
BITS = 16
CORPUS = frozenset({"boosting_table_name", "correct_table_name", "context"})  # parameters that travel in a part

_KEYS = "Check appid and token, or api_key, of `volcengine` in the stack's secret."
_GRANT = "Activate the edition that the option asr-model names in the vendor's console."
_BUY = "Buy more in the vendor's console."

SUCCESS, SILENT = "20000000", "20000003"
_TAKEN = re.compile(r"2000[0-9]{4}")  # accepted, queued, at work or done
_NO_SUCH_TASK, _REFUSED_OR_KNOWN, _LIMIT = "45000000", "45000001", "45000292"
_USED_UP = "audio_duration_lifetime"
_FAMILIES = (("450", Kind.CONFIG, advice.REPORT), ("550", Kind.RETRY, advice.WAIT))


class VolcengineBigmodel(Vendor):
    """Less than five hours in many languages; takes a URL only and does not follow redirects.

    `Options.model` names the edition by its resource id, `volc.bigasr.auc_idle` the idle one. A task is known to the
    vendor by its resource and our request id: its `vendor_task_id` is the request id, behind the resource and a slash
    unless that is the standard one.
    """

    name = "volcengine-bigmodel"
    telling_headers = ("x-api-status-code", "x-api-message", "x-tt-logid")
    limits = Limits(
        formats=frozenset(CONTAINERS),
        codecs=MappingProxyType(
            {"pcm": frozenset({"pcm_s16le"}), "wav": frozenset({"pcm_s16le"}), "ogg": frozenset({"opus"})}
        ),
        languages=LANGUAGES,
        max_duration_ms=5 * 60 * 60 * 1000 - 1,
        channels=frozenset({1, 2}),
        max_size_bytes=512 * 1000 * 1000 - 1,
    )
    # reported: 20 per second for submissions and queries together
    tuning = Tuning(submissions_per_second=10, queries_per_second=10)
    completes_by = frozenset({Completion.CALLBACK, Completion.QUERY})
    honours = frozenset(
        {
            "speakers",
            "punctuation",
            "inverse_text_normalization",
            "words",
            "hotwords",
            "channels",
            "model",
            "filter_fillers",
        }
    )
    parameters = MappingProxyType(
        {
            "model_version": Choice("version of the model; 310 if not set", ("310", "400")),
            "ssd_version": Choice("version of the model that tells speakers apart, for Mandarin", ("200", "300")),
            "vad_segment": Switch("split at silence instead of by meaning; true for split channels, else false"),
            "end_window_size": Whole("silence that ends a sentence, in ms, with vad_segment", 300, 5000),
            "show_speech_rate": Switch("speed of speech, kept in the raw reply"),
            "show_volume": Switch("loudness, kept in the raw reply"),
            "enable_lid": Switch("languages by sentence, kept in the raw reply"),
            "enable_emotion_detection": Switch("emotions, kept in the raw reply"),
            "enable_gender_detection": Switch("voices of women and men, kept in the raw reply"),
            "enable_poi_fc": Switch("better names of places"),
            "enable_music_fc": Switch("better names of music"),
            "sensitive_words_filter": JsonObject("words to replace or leave out", longest=4000),
            "boosting_table_name": a_name("hot-word table, by its name in the vendor's console"),
            "correct_table_name": a_name("table of replacements, by its name in the vendor's console"),
            "context": JsonObject("words or talk to expect; wins over hotwords", longest=8000),
        }
    )  # fmt: skip
    secret_name = "volcengine"  # noqa: S105 - where the secret lies
    secret_fields = ("appid", "token")
    codes = MappingProxyType(
        {
            SUCCESS: Code(Kind.SUCCESS, "taken over at submission, finished at a query"),
            "20000001": Code(Kind.IN_PROGRESS, "being recognised"),
            "20000002": Code(Kind.IN_PROGRESS, "in the vendor's queue"),
            SILENT: Code(Kind.SILENT, "nobody speaks in the recording"),
            _NO_SUCH_TASK: Code(
                Kind.CONFIG, "the request is wrong, or the vendor does not know the task", advice.REPORT
            ),
            _REFUSED_OR_KNOWN: Code(
                Kind.CONFIG, "a parameter is missing or invalid, or the task was submitted before", advice.REPORT
            ),
            "45000002": Code(Kind.BAD_AUDIO, "the recording has no audio in it", advice.UPLOAD_AGAIN, Trait.CONTENT),
            "45000003": Code(Kind.CONFIG, "a parameter is wrong", advice.REPORT),
            "45000006": Code(
                Kind.RETRY, "the vendor could not download the recording", f"{advice.DOWNLOAD} It must not redirect."
            ),
            "45000010": Code(Kind.CONFIG, "the key is wrong, or not granted", _KEYS),
            "45000030": Code(Kind.CONFIG, "the account has no right to the edition", _GRANT),
            "45000081": Code(Kind.RETRY, "the vendor waited too long for audio", advice.WAIT),
            "45000130": Code(Kind.CONFIG, "the text is too long", advice.REPORT),
            "45000151": Code(Kind.BAD_AUDIO, "the audio format is wrong", advice.CONVERT),
            _LIMIT: Code(Kind.RETRY, "too many requests in a second, or at a time", advice.SLOWER),
            "55000000": Code(Kind.RETRY, "the vendor failed", advice.WAIT),
            "55000031": Code(Kind.RETRY, "the vendor is busy", advice.WAIT),
            "55001010": Code(Kind.RETRY, "the vendor took too long", advice.WAIT),
        }
    )

    task_codes = frozenset({"45000006", "45000081", "55000000", "55001010"})
    unknown_task_codes = frozenset({_NO_SUCH_TASK})

    def lacking(self, held: Mapping[str, Any]) -> str:
        pair = super().lacking(held)
        return f"{pair} (or api_key alone)" if pair and not held.get("api_key") else ""

    def chosen_task_id(self, order: Order) -> str:
        resource, request_id = _resource(order.options), attempt_uuid(order)
        return request_id if resource == STANDARD else f"{resource}/{request_id}"

    def result_deadline_s(self, order: Order) -> float:
        idle = _resource(order.options).endswith(IDLE_ENDING)
        return IDLE_DEADLINE_S if idle else super().result_deadline_s(order)

    def fixes_speakers(self, order: Order) -> bool:
        return False

    def unmet(self, order: Order) -> set[str]:
        options = order.options
        no_edition = {"model"} if options.model and options.model != _resource(options) else set()
        outdone = {"hotwords"} if options.hotwords and "context" in self.own(order) else set()
        idle = {f"{self.name}.{name}" for name in self.own(order).keys() - self._usable(order).keys()}
        return super().unmet(order) | no_edition | outdone | idle

    def submit_request(
        self, order: Order, delivery: Delivery, account: Account, *, callback_url: str, now: int, nonce: int
    ) -> Request:
        body = {
            "user": {"uid": order.job_id},
            "audio": {"url": delivery.required_url(), **_audio(order)},
            "request": _wishes(order, self._usable(order)),
            "callback": callback_url,
        }
        return _request("submit", self.chosen_task_id(order), body, account, {"X-Api-Sequence": "-1"})

    def read_submit(self, reply: Reply, order: Order) -> Accepted:
        code, message = self._outcome(reply)
        known_already = order.repeated and code == _REFUSED_OR_KNOWN
        if _TAKEN.fullmatch(code) or known_already:
            return Accepted(self.chosen_task_id(order))
        raise self.error(code, message)

    def query_request(self, vendor_task_id: str, account: Account, *, now: int) -> Request:
        return _request("query", vendor_task_id, {}, account)

    def read_result(self, reply: Reply, order: Order) -> InProgress | Recognition:
        code, message = self._outcome(reply)
        if code == SILENT:
            return recognition([])
        if code == SUCCESS:
            found = _found(_object(reply.body, reply.headers.get("content-type", "")), order)
            if found is None:
                raise self.unusable(reply, "NoResult", "answered with success and no result")
            return found
        if _TAKEN.fullmatch(code):
            return InProgress()
        raise self.error(code, message)

    def read_callback(self, body: bytes, content_type: str, order: Order) -> Callback:
        document = _object(body, content_type)
        if document is None:
            raise self.bad_callback("it is no JSON object")
        # How a callback tells of a failure, or of silence, is not documented: only text is taken at its word.
        found = _found(document, order)
        return Callback(self.chosen_task_id(order), found if found is not None and found.text else InProgress())

    def look_up(self, code: str, message: str = "") -> Code:
        """A code's meaning; one code has two, and one that is not listed means what its family means."""
        if code == _LIMIT and _USED_UP in message:
            return Code(Kind.CONFIG, "the account's hours of audio are used up", _BUY)
        if code in self.codes:
            return self.codes[code]
        for beginning, kind, what_to_do in _FAMILIES:
            if code.startswith(beginning):
                return Code(kind, UNDOCUMENTED.meaning, what_to_do)
        return UNDOCUMENTED

    def _usable(self, order: Order) -> dict[str, Value]:
        """What was set under this vendor's name, without what the vendor refuses because it has no use here."""
        own, options = dict(self.own(order)), order.options
        if options.speakers is None or options.language != MANDARIN:
            own.pop("ssd_version", None)
        if not own.get("vad_segment", _splits(order)):
            own.pop("end_window_size", None)
        return own

    def _outcome(self, reply: Reply) -> tuple[str, str]:
        """The code and the message, from the headers or, in a newer variant, from the body."""
        code = reading.text(reply.headers.get("x-api-status-code"))
        if code:
            return code, reading.text(reply.headers.get("x-api-message"))
        document = self.parse_json(reply)
        code = reading.text(document.get("code"))
        if not code:
            raise self.unusable(reply, "NoCode", "answered without a code")
        return code, reading.text(document.get("message"))


def _resource(options: Options) -> str:
    """The resource id that was named, or the standard one where that is the name of somebody else's model."""
    return options.model if options.model and options.model.startswith("volc.") else STANDARD


def _request(
    call: str,
    task_id: str,
    body: Mapping[str, Any],
    account: Account,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Request:
    resource, _, request_id = task_id.rpartition("/")
    edition = "/idle" if resource.endswith(IDLE_ENDING) else ""
    return Request(
        "POST",
        f"{account.base_url.rstrip('/')}{PATH}{edition}/{call}",
        {
            "Content-Type": "application/json",
            **_keys(account.credentials),
            "X-Api-Resource-Id": resource or STANDARD,
            "X-Api-Request-Id": request_id,
            **headers,
        },
        json.dumps(body, ensure_ascii=False).encode(),
    )


def _keys(credentials: Mapping[str, str]) -> dict[str, str]:
    """The single key of the vendor's new console where there is one, else the pair of the old."""
    if single := credentials.get("api_key"):
        return {"X-Api-Key": single}
    return {"X-Api-App-Key": credentials["appid"], "X-Api-Access-Key": credentials["token"]}


def _audio(order: Order) -> dict[str, Any]:
    audio, language = order.audio, order.options.language
    described: dict[str, Any] = {
        "format": CONTAINERS.get(audio.format),
        "codec": CODECS.get(audio.codec),
        "rate": audio.sample_rate_hz,
        "bits": BITS,
        "channel": audio.channels,
        # Without a language the vendor hears Mandarin, its dialects and English.
        "language": None if language == MANDARIN else language,
    }
    return {name: value for name, value in described.items() if value is not None}


def _splits(order: Order) -> bool:
    return order.audio.channels == 2 and order.options.channels != "mix"


def _wishes(order: Order, own: Mapping[str, Value]) -> dict[str, Any]:
    options = order.options
    split = _splits(order)
    wishes: dict[str, Any] = {
        "model_name": "bigmodel",
        # The vendor's own default is a text without punctuation marks; that of numbers differs between its documents.
        "enable_punc": options.punctuation is not False,
        "enable_itn": options.inverse_text_normalization is not False,
        "enable_ddc": options.filter_fillers is True,
        "enable_speaker_info": options.speakers is not None,
        "enable_channel_split": split,
        "show_utterances": True,
        "vad_segment": split,  # as the vendor advises
        **{name: value for name, value in own.items() if name not in CORPUS},
    }
    corpus = {name: value for name, value in own.items() if name in CORPUS}
    if options.hotwords and "context" not in corpus:
        words = [{"word": word} for word in options.hotwords]
        corpus["context"] = json.dumps({"hotwords": words}, ensure_ascii=False)
    return {**wishes, "corpus": corpus} if corpus else wishes


def _object(body: bytes, content_type: str) -> Mapping[str, Any] | None:
    try:
        document = read_json(decode(body, declared_charset(content_type)))
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _found(document: Mapping[str, Any] | None, order: Order) -> Recognition | None:
    """The recognition in an answer; None where there is none."""
    if document is None:
        return None
    result = document.get("result")
    if isinstance(result, list):  # as the vendor's table has it
        result = next(iter(reading.mappings(result)), None)
    result = reading.mapping(result)
    if "text" not in result and "utterances" not in result:
        return None
    length = reading.first(reading.mapping(document.get("audio_info")), "duration")
    in_result = reading.first(reading.mapping(result.get("additions")), "duration")
    return recognition(
        utterances(result.get("utterances"), with_words=order.options.words is not False),
        text=reading.text(result.get("text")) or None,
        duration_ms=reading.milliseconds(length if length is not None else in_result),
    )
