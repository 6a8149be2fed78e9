"""Simulate Tencent one-sentence recognition: a short recording, its text in the same answer.

Source: "Tencent one-sentence recognition (SentenceRecognition)"; older limits unless an option says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from flask import Flask, Response
from pydantic import Field

from recognizer.client import StillWorkingError
from simulators import outgoing, tencent_cloud
from simulators.checks import RateLimit, is_http_url, whole_number
from simulators.recording import RawPcm, Recording, RecordingError, Source, TooLongError
from simulators.script import Utterance, join_texts, make_utterances
from simulators.server import RECOGNIZED_WARNING, Answer, Options, RefusalError, Setup, Simulator

ACTION = "SentenceRecognition"
MAX_DURATION_MS = 60_000
RECOGNITION_S = 40.0  # clients wait for the answer a minute at most
DOWNLOAD_BYTES = 64 * 1024 * 1024  # the older generation documents no size for URLs; a minute never needs more

OLD_ENGINES = {"8k": 8000, "16k": 16000, "8k_0": 8000, "16k_0": 16000}
LANGUAGES = "zh zh-PY zh_medical zh_dialect en yue ja ko vi ms id fil th pt tr ar es hi fr de"
ENGINES = {
    **OLD_ENGINES,
    **{f"16k_{language}": 16000 for language in LANGUAGES.split()},
    "8k_zh": 8000,
    "8k_en": 8000,
}
# Container and codec of each format.
FORMATS = {
    "wav": ("wav", ""),
    "mp3": ("mp3", ""),
    "pcm": ("raw", ""),
    "ogg-opus": ("ogg", "opus"),
    "speex": ("ogg", "speex"),
    "silk": ("silk", "silk"),
    "m4a": ("mp4", ""),
    "aac": ("aac", ""),
    "amr": ("amr", ""),
}
ANY_RATE = {"opus", "silk"}  # decoded at the engine's rate

TEXT_PARAMETERS = {"EngSerViceType", "VoiceFormat", "Url", "Data", "UsrAudioKey"} | {
    "HotwordId",
    "HotwordList",
    "CustomizationId",
    "ReplaceTextId",
}
NUMBER_PARAMETERS: dict[str, set[int] | None] = {
    "SourceType": None,
    "DataLen": None,
    "ProjectId": None,
    "SubServiceType": None,
    "WordInfo": {0, 1, 2},
    "FilterDirty": {0, 1, 2},
    "FilterModal": {0, 1, 2},
    "FilterPunc": {0, 1, 2},
    "ConvertNumMode": {0, 1},
    "ReinforceHotword": {0, 1},
    "InputSampleRate": {8000},
}


class TencentSentenceOptions(Options):
    """Limits, and the forms on which the vendor's documents differ.

    The defaults are the formats of today, and the size and rate of the older generation.
    """

    requests_per_s: int = Field(25, ge=1)
    max_data_bytes: int = Field(600 * 1024, ge=1)
    formats: tuple[str, ...] = tuple(FORMATS)
    accept_engine_service_type: bool = False
    answer_form: Literal["today", "older"] = "today"


class TencentSentence(Simulator[TencentSentenceOptions]):
    """`GET` and `POST` on `/`; credentials: `secret_id`, `secret_key`."""

    vendor = "tencent-sentence"
    moments = frozenset({"submit", "result"})
    call_codes = outcome_codes = r"[A-Za-z0-9.]+"

    def __init__(self, setup: Setup, options: TencentSentenceOptions) -> None:
        super().__init__(setup, options)
        self._api = tencent_cloud.CloudApi(setup.credentials, {ACTION}, self.runtime.wall_clock)
        self._rate = RateLimit(self.runtime.monotonic)

    def add_routes(self, app: Flask) -> None:
        tencent_cloud.add_route(app, self._serve)

    def parameters(self) -> Mapping[str, object]:
        return tencent_cloud.logged_parameters()

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        return tencent_cloud.refusal(code, message)

    def _serve(self) -> Response:
        return self.serve("submit", self._recognize)

    def _recognize(self) -> Answer:
        sent = tencent_cloud.sent_parameters()
        self._api.action(sent)
        if not self._rate.allows(self.credentials["secret_id"], self.options.requests_per_s):
            raise RefusalError("RequestLimitExceeded")
        source = self._checked_source(sent)
        result = self.take_fault("result")
        if result:
            self.background.pause(result.delay_s)
            if result.code is not None:
                raise RefusalError(result.code, result.message)
        return self._answer_for(sent, self._recognize_audio(sent, source))

    def _checked_source(self, sent: dict[str, object]) -> Source:
        if self.options.accept_engine_service_type and "EngineServiceType" in sent:
            sent.setdefault("EngSerViceType", sent.pop("EngineServiceType"))
        self._check_names(sent)
        if sent["EngSerViceType"] not in ENGINES:
            raise RefusalError("InvalidParameterValue.ErrorInvalidEngservice")
        if sent["VoiceFormat"] not in self.options.formats or sent["VoiceFormat"] not in FORMATS:
            raise RefusalError("InvalidParameterValue.ErrorInvalidVoiceFormat")
        raw = None
        if sent["VoiceFormat"] == "pcm":
            raw = RawPcm(whole_number(sent.get("InputSampleRate")) or ENGINES[str(sent["EngSerViceType"])])
        if whole_number(sent["SourceType"]) == 0:
            return Source(url=self._checked_url(sent), raw=raw)
        data = tencent_cloud.sent_audio(
            sent,
            max_bytes=self.options.max_data_bytes,
            undecodable="InvalidParameterValue.ErrorInvalidVoicedata",
            wrong_length="InvalidParameter.ErrorContentlength",
        )
        return Source(data=data, raw=raw)

    def _check_names(self, sent: Mapping[str, object]) -> None:
        for name, value in sent.items():
            if name not in TEXT_PARAMETERS | NUMBER_PARAMETERS.keys() | tencent_cloud.COMMON_PARAMETERS:
                raise RefusalError("UnknownParameter", f"The parameter `{name}` is not defined.")
            if name in TEXT_PARAMETERS and not isinstance(value, str):
                raise RefusalError("InvalidParameterValue", f"The parameter `{name}` is a string.")
            allowed = NUMBER_PARAMETERS.get(name)
            if allowed is not None and whole_number(value) not in allowed:
                raise RefusalError("InvalidParameterValue", f"The parameter `{name}` is one of {sorted(allowed)}.")
        for name in ("EngSerViceType", "SourceType", "VoiceFormat"):
            if not sent.get(name) and sent.get(name) != 0:
                raise tencent_cloud.missing(name)
        if whole_number(sent["SourceType"]) not in {0, 1}:
            raise RefusalError("InvalidParameterValue.ErrorInvalidSourcetype")
        if "SubServiceType" in sent and whole_number(sent["SubServiceType"]) != 2:
            raise RefusalError("InvalidParameterValue.ErrorInvalidSubservicetype")
        if "ProjectId" in sent and whole_number(sent["ProjectId"]) is None:
            raise RefusalError("InvalidParameterValue.ErrorInvalidProjectid")
        if "InputSampleRate" in sent and sent["VoiceFormat"] != "pcm":
            raise RefusalError("InvalidParameterValue", "InputSampleRate is only for pcm.")

    def _checked_url(self, sent: Mapping[str, object]) -> str:
        if "Url" not in sent:
            raise tencent_cloud.missing("Url")
        url = str(sent["Url"])
        if not is_http_url(url) or len(url) >= tencent_cloud.MAX_URL_LENGTH:
            raise RefusalError("InvalidParameterValue.ErrorInvalidUrl")
        return url

    def _recognize_audio(self, sent: Mapping[str, object], source: Source) -> tuple[Recording, tuple[Utterance, ...]]:
        try:
            recording = self.read_recording(
                source, max_bytes=DOWNLOAD_BYTES, max_ms=MAX_DURATION_MS, wait_s=RECOGNITION_S
            )
        except outgoing.DownloadError:
            raise RefusalError("InternalError.ErrorDownFile") from None
        except outgoing.OversizeError:
            raise RefusalError("RequestSizeLimitExceeded") from None
        except TooLongError:
            raise RefusalError("InvalidParameterValue.ErrorVoicedataTooLong") from None
        except StillWorkingError:  # a client retries, and the recognition may be ready then
            raise RefusalError("InternalError.ErrorRecognize") from None
        except RecordingError:
            raise RefusalError("InvalidParameterValue.ErrorInvalidVoicedata") from None
        container, codec = FORMATS[str(sent["VoiceFormat"])]
        if recording.format != container or not recording.codec.startswith(codec):
            raise RefusalError("InvalidParameterValue.ErrorInvalidVoicedata")
        rate_fits = recording.codec in ANY_RATE or recording.sample_rate_hz == ENGINES[str(sent["EngSerViceType"])]
        fits = recording.channels == 1 and rate_fits
        upsampled = "InputSampleRate" in sent
        # The vendor's FAQ: stereo, or a rate that does not fit the engine, gives an empty result, no error.
        segments = recording.segments if fits or upsampled else ()
        return recording, make_utterances(segments, recording.speech)

    def _answer_for(self, sent: Mapping[str, object], recognized: tuple[Recording, tuple[Utterance, ...]]) -> Answer:
        recording, utterances = recognized
        response: dict[str, object] = {"Result": join_texts([utterance.text for utterance in utterances])}
        if self.options.answer_form == "today":
            with_words = whole_number(sent.get("WordInfo", 0))
            words = [
                {"Word": word.text, "StartTime": word.start_ms, "EndTime": word.end_ms}
                for utterance in utterances
                for word in utterance.words
                if with_words == 2 or (with_words == 1 and not word.punctuation)
            ]
            response |= {"AudioDuration": recording.duration_ms, "WordSize": len(words), "WordList": words or None}
        answer = tencent_cloud.answer("0", response)
        return replace(answer, headers={"Warning": RECOGNIZED_WARNING}) if recording.is_recognized else answer
