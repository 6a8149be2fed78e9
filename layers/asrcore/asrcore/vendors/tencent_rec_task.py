"""Tencent recording-file recognition, current generation: completes by callback and by query.

Source: Tencent recording recognition, CreateRecTask, DescribeTaskStatus and callback pages.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from asrcore.vendors import asr, coerce, error_hints, failure_text, tencent_cloud, tencent_recording_format
from asrcore.vendors.tencent_cloud import TencentCloud
from asrcore.vendors.tencent_recording_format import ThirdNumber

HOUR_MS = 60 * 60 * 1000
LINES, WORDS, WORDS_AND_MARKS, CLAUSES = 0, 1, 2, 3  # of ResTextFormat
DISTINGUISHED, BY_ROLE = 1, 3  # of SpeakerDiarization
TELEPHONE_ENGINES = "8k_"
# Engines that return lines only, and engines that distinguish speakers.
PLAIN_ENGINES = frozenset(
    f"16k_{name}"
    for name in (
        "multi_lang", "zh_medical", "ja", "ko", "vi", "ms", "id", "fil", "th", "pt", "tr", "ar", "es", "hi", "fr", "de"
    )
)  # fmt: skip
SPEAKER_ENGINES = frozenset({"8k_zh", "8k_zh_large"}) | frozenset(
    f"16k_{name}"
    for name in (
        "zh", "zh_en", "zh_en_2.0", "zh_en_meeting", "zh_dialect", "ms", "en", "id", "es", "fr", "ja", "ko"
    )
)  # fmt: skip
ROLE_ENGINES = frozenset({"16k_zh_en", "16k_zh_en_2.0"})
RELATIVE_TOLERANCE_MS = 200

_WAITING, _RUNNING, _SUCCEEDED, _FAILED = "0", "1", "2", "3"
_NO_SUCH_TASK = "FailedOperation.NoSuchTask"
ROLE = ("RoleAudioUrl", "RoleName")
TASK_FAILED = "TaskFailed"  # ours: a failed task has a message and no code


class TencentRecTask(TencentCloud):
    """Up to five hours in many languages, by URL; stereo only from a telephone."""

    name = "tencent-rec-task"
    limits = asr.Limits(
        formats=frozenset({"wav", "mp3", "m4a", "flv", "mp4", "wma", "3gp", "amr", "aac", "ogg", "flac"}),
        codecs=MappingProxyType({"wav": frozenset({"pcm_s16le"}), "ogg": frozenset({"opus"})}),
        refused=asr.NOT_16_BIT,
        languages=frozenset(tencent_cloud.ENGINES),
        max_duration_ms=5 * HOUR_MS,
        channels=frozenset({1, 2}),
        max_size_bytes=1_000_000_000,  # 512 MB in an older revision of the page, too little for 5 hours of WAV
        max_data_bytes=5 * 1024 * 1024,
        max_url_length=tencent_cloud.LONGEST_URL,
    )
    # published: 20 and 50 per second, 5 MB of audio
    tuning = asr.Tuning(submissions_per_second=20, queries_per_second=50, max_data_bytes=limits.max_data_bytes)
    completion_modes = frozenset({asr.Completion.CALLBACK, asr.Completion.QUERY})
    most_callbacks = tencent_recording_format.MOST_CALLBACKS
    form_fields = tencent_recording_format.FORM_FIELDS
    supported_options = frozenset(
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
            **tencent_cloud.PARAMETERS,
            "ConvertNumMode": asr.OneOf(
                "numbers; default 1",
                {
                    0: asr.Message("value.chinese-numerals"),
                    1: asr.Message("value.digits-they-fit"),
                    3: asr.Message("value.as-mathematics"),
                },
            ),
            "ResTextFormat": asr.OneOf(
                "detail of the result; default 2",
                {
                    LINES: asr.Message("value.sentences-without-words"),
                    WORDS: asr.Message("value.with-words"),
                    WORDS_AND_MARKS: asr.Message("value.words-marks"),
                    CLAUSES: asr.Message("value.split-every-mark-subtitles"),
                    4: asr.Message("value.paragraphs-meaning-paid-mandarin-only"),
                    5: asr.Message("value.written-language-paid-mandarin-only"),
                },
            ),
            "SentenceMaxLength": asr.Whole("characters per subtitle; implies ResTextFormat 3", 6, 40),
            "EmotionRecognition": asr.OneOf(
                "emotions, at extra cost; default 0",
                {0: asr.Message("value.no"), 1: asr.Message("value.each-sentence"), 2: asr.Message("value.text")},
            ),
            "EmotionalEnergy": asr.OneOf(
                "emotional energy, only in the raw reply; default 0",
                {0: asr.Message("value.no"), 1: asr.Message("value.yes")},
            ),
            "KeyWordLibIdList": asr.Text(
                "IDs of keyword libraries; matches are only in the raw reply",
                r"[A-Za-z0-9_-]{1,64}(,[A-Za-z0-9_-]{1,64}){0,9}",
                asr.Message("allowed.up-10-ids-separated-commas"),
            ),
            "RoleAudioUrl": asr.Address("URL of a speech sample of one speaker, up to 45 s"),
            "RoleName": asr.Text(
                "name of that speaker; needs RoleAudioUrl and an engine 16k_zh_en",
                r".+",
                asr.Message("allowed.up-30-bytes-30-latin-letters-10-chinese-characters"),
                most_bytes=30,
            ),
            "Extra": asr.JsonObject('further settings, such as `{"Domain": 0}`', longest=1000),
        }
    )
    codes = MappingProxyType(
        {
            "0": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.recognized")),
            **tencent_recording_format.CALLBACK_CODES,
            **tencent_cloud.CODES,
            "FailedOperation.ErrorDownFile": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-could-not-download-recording"), error_hints.DOWNLOAD
            ),
            _NO_SUCH_TASK: asr.Code(
                asr.CodeKind.CONFIG,
                asr.Message("meaning.task-not-found"),
                asr.Message("advice.submit-again"),
            ),
            "InternalError.FailAccessDatabase": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-database-failed"), error_hints.WAIT
            ),
            "InternalError.FailAccessRedis": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-cache-failed"), error_hints.WAIT
            ),
        }
    )

    task_codes = frozenset({TASK_FAILED, "FailedOperation.ErrorDownFile", "FailedOperation.ErrorRecognize"})
    unknown_task_codes = frozenset({_NO_SUCH_TASK})

    def rejection_reason(self, request: asr.RecognitionRequest) -> asr.Message | None:
        reason = super().rejection_reason(request)
        engine = tencent_cloud.engine(request) or ""
        if reason is None and request.audio.channels == 2 and not engine.startswith(TELEPHONE_ENGINES):
            return asr.Message("unfit.stereo-rate", {"rate_hz": tencent_cloud.TELEPHONE_HZ})
        return reason

    def fixes_speakers(self, request: asr.RecognitionRequest) -> bool:
        if _third_number(request) is ThirdNumber.CHANNEL:
            return request.options.speakers == 2
        return _accepts_speaker_count(request)

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        no_speakers = {"speakers"} if _third_number(request) is ThirdNumber.NOTHING else set()
        no_words = {"words"} if request.options.words and _text_format(request) == LINES else set()
        no_mix = {"channels"} if request.options.channels == "mix" and request.audio.channels == 2 else set()
        no_role = (
            set()
            if _role(request)
            else {f"{self.name}.{name}" for name in ROLE if name in self.vendor_options(request)}
        )
        return (
            super().unsupported_options(request)
            | (request.options.requested_names() & no_speakers)
            | no_words
            | no_mix
            | no_role
        )

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        parameters = {
            "EngineModelType": tencent_cloud.engine(submission.request),
            "ChannelNum": 2 if submission.request.audio.channels == 2 else 1,
            **tencent_cloud.source(submission.delivery),
            "CallbackUrl": submission.callback_url,
            **tencent_cloud.refinements(submission.request.options),
            **_vendor_fields(self.vendor_options(submission.request)),
            "ResTextFormat": _text_format(submission.request),
            **_speakers(submission.request),
        }
        return tencent_cloud.call("CreateRecTask", parameters, submission.endpoint, now=submission.now)

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Accepted:
        task_id = coerce.identifier(self._data(reply).get("TaskId"))
        if task_id is None or not task_id.isdecimal():
            raise self.unusable(reply, "NoTaskId", asr.Message("reply.no-task-id"))
        return asr.Accepted(task_id)

    def query_request(self, vendor_task_id: str, endpoint: asr.VendorEndpoint, *, now: int) -> asr.HttpRequest:
        # A number of up to 64 bits instead of text.
        return tencent_cloud.call("DescribeTaskStatus", {"TaskId": int(vendor_task_id)}, endpoint, now=now)

    def read_result(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.InProgress | asr.Recognition:
        data = self._data(reply)
        status = coerce.text(data.get("Status"))
        if status in (_WAITING, _RUNNING):
            return asr.InProgress()
        if status == _FAILED:
            raise self.error(TASK_FAILED, coerce.text(data.get("ErrorMsg")))
        if status != _SUCCEEDED:
            raise self.unusable(reply, "NoStatus", asr.Message("reply.no-status"))
        if "Result" not in data and "ResultDetail" not in data:
            raise self.unusable(reply, "NoResult", asr.Message("reply.no-result"))
        return _recognition(data.get("Result"), data.get("ResultDetail"), data.get("AudioDuration"), request)

    def read_callback(self, body: bytes, content_type: str, request: asr.RecognitionRequest) -> asr.Callback:
        try:
            fields = tencent_recording_format.callback_fields(body, content_type)
        except asr.UnknownCharsetError:
            raise self.unreadable_callback() from None
        code = tencent_recording_format.callback_code(fields)
        if code is None:
            raise self.bad_callback(asr.Message("callback.no-code"))
        task_id = coerce.identifier(fields.get("requestId"))
        if code != "0":
            return asr.Callback(task_id, self.error(code, coerce.text(fields.get("message"))))
        if "text" not in fields and "resultDetail" not in fields:
            raise self.bad_callback(asr.Message("callback.no-result"))
        detail = _json_list(fields.get("resultDetail"))
        return asr.Callback(task_id, _recognition(fields.get("text"), detail, fields.get("audioTime"), request))

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning; for a failed task, which has no code, the cause that its message names."""
        if code != TASK_FAILED:
            return super().look_up(code, message)
        return failure_text.cause(message) or asr.Code(
            asr.CodeKind.RETRY, asr.Message("meaning.task-failed"), error_hints.WAIT
        )

    def _data(self, reply: asr.HttpReply) -> Mapping[str, Any]:
        response = self.read_response(reply)
        if not isinstance(response.get("Data"), dict):
            raise self.unusable(reply, "NoData", asr.Message("reply.neither-data-nor-error"))
        return coerce.mapping(response["Data"])


def _vendor_fields(own: Mapping[str, asr.Value]) -> dict[str, Any]:
    """Return the vendor's own options as request parameters: two of them are lists."""
    parameters: dict[str, Any] = {name: value for name, value in own.items() if name not in ROLE}
    if libraries := parameters.get("KeyWordLibIdList"):
        parameters["KeyWordLibIdList"] = libraries.split(",")
    return parameters


def _text_format(request: asr.RecognitionRequest) -> int:
    """Return ResTextFormat: lines if no words are requested, or the engine returns none."""
    own = request.options.vendor_options(TencentRecTask.name)
    if "SentenceMaxLength" in own:
        return CLAUSES
    if "ResTextFormat" in own:
        return int(own["ResTextFormat"])
    if request.options.words is False or tencent_cloud.engine(request) in PLAIN_ENGINES:
        return LINES
    return WORDS if request.options.punctuation is False else WORDS_AND_MARKS


def _third_number(request: asr.RecognitionRequest) -> ThirdNumber:
    """Return what the vendor's speaker number means; it is 0 also when speakers are not distinguished."""
    if request.audio.channels == 2:
        return ThirdNumber.CHANNEL
    asked = request.options.speakers is not None or _role(request) is not None
    return ThirdNumber.SPEAKER if asked and tencent_cloud.engine(request) in SPEAKER_ENGINES else ThirdNumber.NOTHING


def _role(request: asr.RecognitionRequest) -> dict[str, asr.Value] | None:
    """Return the speaker to recognize by voice; None without voice and name, or with an engine that cannot."""
    own = request.options.vendor_options(TencentRecTask.name)
    known = {name: own[name] for name in ROLE if name in own}
    fits = len(known) == len(ROLE) and request.audio.channels == 1 and tencent_cloud.engine(request) in ROLE_ENGINES
    return known if fits else None


def _speakers(request: asr.RecognitionRequest) -> dict[str, Any]:
    if _third_number(request) is not ThirdNumber.SPEAKER:
        return {}
    if role := _role(request):
        return {"SpeakerDiarization": BY_ROLE, "SpeakerRoles": [role]}
    distinguished = {"SpeakerDiarization": DISTINGUISHED}
    fixed = request.options.speakers and _accepts_speaker_count(request)
    return {**distinguished, "SpeakerNumber": request.options.speakers} if fixed else distinguished


def _accepts_speaker_count(request: asr.RecognitionRequest) -> bool:
    """Return whether the engine accepts a number of speakers; engines for 16 kHz count them."""
    return (tencent_cloud.engine(request) or "").startswith(TELEPHONE_ENGINES)


def _json_list(value: object) -> object:
    """Return a list that was sent as JSON text, or the value itself; None for text that is not JSON."""
    if not isinstance(value, str):
        return value
    try:
        return asr.read_json(value)
    except ValueError:
        return None


def _recognition(text: object, details: object, seconds: object, request: asr.RecognitionRequest) -> asr.Recognition:
    """Return the detailed sentences, or the lines of text if there are none."""
    duration_ms, third = tencent_recording_format.length_ms(seconds), _third_number(request)
    sentences = coerce.mappings(details)
    if not sentences:
        return tencent_recording_format.read_lines(coerce.text(text), duration_ms, third)
    with_words = request.options.words is not False
    utterances = [_utterance(sentence, third, with_words=with_words) for sentence in sentences]
    return asr.recognition(utterances, duration_ms=duration_ms)


def _utterance(sentence: Mapping[str, Any], third: ThirdNumber, *, with_words: bool) -> asr.Utterance:
    number = coerce.text(sentence.get("SpeakerId"))
    role = coerce.text(sentence.get("SpeakerRoleName"))
    span = coerce.milliseconds(sentence.get("StartMs")), coerce.milliseconds(sentence.get("EndMs"))
    emotions = sentence.get("EmotionType")
    return asr.Utterance.model_validate(  # validated together with its words: a fifth less CPU than word by word
        {
            "start_ms": span[0],
            "end_ms": span[1],
            "text": coerce.text(sentence.get("FinalSentence")),
            "speaker": third.speaker(role or number),
            "channel": third.channel(number),
            "emotion": coerce.text(emotions[0]) or None if isinstance(emotions, list) and emotions else None,
            "words": _words(coerce.mappings(sentence.get("Words")), *span) if with_words else [],
        }
    )


def _words(items: Sequence[Mapping[str, Any]], start_ms: int | None, end_ms: int | None) -> list[Mapping[str, Any]]:
    """Return words with absolute times, without punctuation marks, which the sentence has."""
    origin_ms = 0 if start_ms is None or _are_absolute(items, start_ms, end_ms) else start_ms
    return [
        {
            "start_ms": coerce.milliseconds(item.get("OffsetStartMs"), 1, origin_ms),
            "end_ms": coerce.milliseconds(item.get("OffsetEndMs"), 1, origin_ms),
            "text": text,
        }
        for item in items
        if (text := coerce.text(item.get("Word"))).isalnum() or any(map(str.isalnum, text))
    ]


def _are_absolute(items: Sequence[Mapping[str, Any]], start_ms: int, end_ms: int | None) -> bool:
    """Return whether offsets count from the start of the recording, contrary to the vendor's documents.

    Some replies do that. It is assumed only if the offsets exceed the sentence when counted from its start, and are
    within it otherwise.
    """
    first_ms = coerce.milliseconds(items[0].get("OffsetStartMs")) if items else None
    last_ms = coerce.milliseconds(items[-1].get("OffsetEndMs")) if items else None
    if first_ms is None or last_ms is None or end_ms is None:
        return False
    return start_ms + last_ms > end_ms + RELATIVE_TOLERANCE_MS and start_ms <= first_ms and last_ms <= end_ms
