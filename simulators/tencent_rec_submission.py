"""Read the parameters of Tencent's CreateRecTask, and refuse invalid ones.

Source: "Tencent recording recognition, CreateRecTask": parameters, engines, limits; the order of the checks
is not documented.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from simulators import tencent_cloud
from simulators.checks import is_http_url, whole_number
from simulators.recording import Source
from simulators.script import HAN, Utterance
from simulators.server import RefusalError

MAX_DATA_BYTES = 5 * 1024 * 1024


def _wideband(*languages: str) -> set[str]:
    return {f"16k_{language}" for language in languages}


# Engines that return lines only, and those that return details.
PLAIN_ENGINES = _wideband("multi_lang", "zh_medical", "ja", "ko", "vi", "ms", "id", "fil", "th", "pt", "tr", "ar") | (
    _wideband("es", "hi", "fr", "de")
)
DETAILED_ENGINES = {"8k_zh", "8k_zh_large", "8k_en"} | (
    _wideband("zh", "zh_en", "zh_en_2.0", "zh_en_meeting", "zh_large", "zh-PY", "zh-TW", "zh_dialect", "yue")
    | _wideband("en", "en_large")
)
ENGINES = PLAIN_ENGINES | DETAILED_ENGINES
REFINING_ENGINES = {"8k_zh", "16k_zh"}
ROLE_ENGINES = {"16k_zh_en", "16k_zh_en_2.0"}
EMOTION_ENGINES = REFINING_ENGINES | ROLE_ENGINES
SPEAKER_ENGINES = {"8k_zh", "8k_zh_large"} | (
    _wideband("zh", "zh_en", "zh_en_2.0", "zh_en_meeting", "zh_dialect", "ms", "en", "id", "es", "fr", "ja", "ko")
)

REQUIRED = ("EngineModelType", "ChannelNum", "ResTextFormat", "SourceType")
NUMBERS: Mapping[str, Collection[int]] = {
    "ChannelNum": {1, 2},
    "ResTextFormat": range(6),
    "SourceType": {0, 1},
    "DataLen": range(2**31),
    "SpeakerDiarization": {0, 1, 3},
    "SpeakerNumber": range(11),
    "ReinforceHotword": {0, 1},
    "EmotionRecognition": {0, 1, 2},
    "EmotionalEnergy": {0, 1},
    "ConvertNumMode": {0, 1, 3},
    "FilterDirty": {0, 1, 2},
    "FilterPunc": {0, 1, 2},
    "FilterModal": {0, 1, 2},
    "SentenceMaxLength": {0, *range(6, 41)},
}
TEXTS = {"EngineModelType", "Url", "Data", "CallbackUrl", "Extra"} | {
    "HotwordId",
    "HotwordList",
    "CustomizationId",
    "ReplaceTextId",
}
LISTS = {"KeyWordLibIdList", "SpeakerRoles"}
PLAIN, WITH_MARKS, BY_CLAUSE, BY_TURN, WRITTEN = 0, 2, 3, 4, 5  # values of ResTextFormat
KNOWN = {*NUMBERS, *TEXTS, *LISTS}


@dataclass(frozen=True)
class RecTaskSubmission:
    """The parameters of a submission that its result depends on."""

    engine: str
    channels: int
    detail: int
    diarization: int
    speakers: int
    max_length: int
    emotion: int
    energy: int
    keywords: bool
    role: str | None
    audio_url: str | None
    callback_url: str | None

    def number_of(self, utterance: Utterance) -> int | None:
        """Return the number of the speaker or channel, None if the submission did not ask for it."""
        if self.channels == 2:
            return utterance.channel
        return utterance.speaker if self.diarization else None


# Rules between parameters; breaking one is an InvalidParameterValue.
RULES: tuple[tuple[str, Callable[[RecTaskSubmission], bool]], ...] = (
    ("EngineModelType is not known", lambda submission: submission.engine in ENGINES),
    (
        "ChannelNum 2 is for 8k engines only",
        lambda submission: submission.channels == 1 or submission.engine.startswith("8k_"),
    ),
    (
        "ResTextFormat is 0 for this engine",
        lambda submission: submission.detail == PLAIN or submission.engine in DETAILED_ENGINES,
    ),
    (
        "ResTextFormat 4 and 5 are for 8k_zh and 16k_zh only",
        lambda submission: submission.detail < BY_TURN or submission.engine in REFINING_ENGINES,
    ),
    (
        "SpeakerDiarization needs ChannelNum 1 and an engine with speaker separation",
        lambda submission: (
            not submission.diarization or (submission.channels == 1 and submission.engine in SPEAKER_ENGINES)
        ),
    ),
    (
        "SpeakerDiarization 3 and SpeakerRoles belong together, with an engine with roles",
        lambda submission: (
            (submission.diarization == 3) == (submission.role is not None)
            and (submission.role is None or submission.engine in ROLE_ENGINES)
        ),
    ),
    (
        "SpeakerNumber cannot be fixed with a 16k engine",
        lambda submission: not (submission.diarization and submission.speakers) or submission.engine.startswith("8k_"),
    ),
    (
        "EmotionRecognition is not for this engine, and 2 needs a ResTextFormat above 0",
        lambda submission: (
            not submission.emotion
            or (submission.engine in EMOTION_ENGINES and (submission.emotion == 1 or submission.detail != PLAIN))
        ),
    ),
    (
        "SentenceMaxLength needs ResTextFormat 3",
        lambda submission: not submission.max_length or submission.detail == BY_CLAUSE,
    ),
)


def check_names(
    sent: Mapping[str, object], known: Collection[str] = KNOWN, required: Collection[str] = REQUIRED
) -> None:
    """Refuse parameters that the action does not define, and missing required ones."""
    for name in sent:
        if name not in known and name not in tencent_cloud.COMMON_PARAMETERS:
            raise RefusalError("UnknownParameter", f"The parameter `{name}` is not defined.")
    for name in required:
        if name not in sent:
            raise tencent_cloud.missing(name)


def read_integer(sent: Mapping[str, object], name: str) -> int:
    """Return an integer, 0 if absent; text is accepted only in queries and forms."""
    value = sent.get(name, 0)
    number = whole_number(value)
    if number is None or (isinstance(value, str) and not tencent_cloud.is_textual()):
        raise RefusalError("InvalidParameter", f"The parameter `{name}` is an integer.")
    return number


def read_source(sent: Mapping[str, object]) -> Source:
    """Return the audio's source: `Url` or `Data`."""
    if _choice(sent, "SourceType") == 0:
        url = _text(sent, "Url")
        if url is None:
            raise tencent_cloud.missing("Url")
        return Source(url=_checked_url("Url", url))
    _text(sent, "Data")
    data = tencent_cloud.sent_audio(
        sent,
        max_bytes=MAX_DATA_BYTES,
        undecodable="InvalidParameterValue",
        wrong_length="InvalidParameterValue",
    )
    return Source(data=data)


def read_submission(sent: Mapping[str, object], source: Source) -> RecTaskSubmission:
    """Return the submission; raises RefusalError for a value that breaks a rule."""
    texts = {name: _text(sent, name) for name in TEXTS}
    numbers = {name: _choice(sent, name) for name in NUMBERS}
    callback_url = texts["CallbackUrl"]
    submission = RecTaskSubmission(
        engine=texts["EngineModelType"] or "",
        channels=numbers["ChannelNum"],
        detail=numbers["ResTextFormat"],
        diarization=numbers["SpeakerDiarization"],
        speakers=numbers["SpeakerNumber"],
        max_length=numbers["SentenceMaxLength"],
        emotion=numbers["EmotionRecognition"],
        energy=numbers["EmotionalEnergy"],
        keywords=_has_keywords(sent),
        role=_role(sent),
        audio_url=source.url,
        callback_url=None if callback_url is None else _checked_url("CallbackUrl", callback_url),
    )
    for rule, holds in RULES:
        if not holds(submission):
            raise _unfit(f"{rule}.")
    if texts["HotwordList"] is not None and not _are_hotwords(texts["HotwordList"]):
        raise _unfit(
            "`HotwordList` is `word|weight,…`: up to 128 words of up to 30 characters, weights 1 to 11 or 100."
        )
    if texts["Extra"] and not _is_extra(texts["Extra"]):
        raise _unfit("`Extra` is a JSON object; its `Domain` is 0 to 3.")
    return submission


def _choice(sent: Mapping[str, object], name: str) -> int:
    number = read_integer(sent, name)
    if number not in NUMBERS[name]:
        raise _unfit(f"The value of `{name}` is not allowed.")
    return number


def _text(sent: Mapping[str, object], name: str) -> str | None:
    value = sent.get(name)
    if name in sent and not isinstance(value, str):
        raise RefusalError("InvalidParameter", f"The parameter `{name}` is a string.")
    return str(value) if name in sent else None


def _list(sent: Mapping[str, object], name: str, kind: type) -> list[object]:
    value = sent.get(name, [])
    if not isinstance(value, list) or any(not isinstance(each, kind) for each in value):
        raise RefusalError("InvalidParameter", f"The parameter `{name}` is a list of {kind.__name__}.")
    return value


def _checked_url(name: str, url: str) -> str:
    if not is_http_url(url) or len(url) >= tencent_cloud.MAX_URL_LENGTH:
        raise _unfit(f"`{name}` is an http or https address below {tencent_cloud.MAX_URL_LENGTH} characters.")
    return url


def _has_keywords(sent: Mapping[str, object]) -> bool:
    libraries = _list(sent, "KeyWordLibIdList", str)
    if len(libraries) > 10:
        raise _unfit("`KeyWordLibIdList` has up to 10 entries.")
    return bool(libraries)


def _role(sent: Mapping[str, object]) -> str | None:
    """Return the name of the role, None if there is none."""
    roles = _list(sent, "SpeakerRoles", dict)
    if not roles:
        return None
    role = roles[0]
    name = role.get("RoleName") if isinstance(role, dict) else None
    voice = role.get("RoleAudioUrl") if isinstance(role, dict) else None
    if len(roles) > 1 or not isinstance(name, str) or not 0 < len(name.encode()) <= 30 or not is_http_url(voice):
        raise _unfit("`SpeakerRoles` has one entry: RoleAudioUrl, and RoleName of up to 30 bytes.")
    return name


def _are_hotwords(text: str) -> bool:
    entries = text.split(",")
    return len(entries) <= 128 and all(_is_hotword(entry) for entry in entries)


def _is_hotword(entry: str) -> bool:
    word, _, weight = entry.partition("|")
    number = whole_number(weight)
    return (
        0 < len(word) <= 30
        and len(re.findall(f"[{HAN}]", word)) <= 10
        and number is not None
        and (1 <= number <= 11 or number == 100)
    )


def _is_extra(text: str) -> bool:
    try:
        extra = json.loads(text)
    except ValueError:
        return False
    return isinstance(extra, dict) and extra.get("Domain", 0) in range(4)


def _unfit(message: str) -> RefusalError:
    return RefusalError("InvalidParameterValue", message)
