"""The options of a transcription, in one vocabulary for all vendors.

Each vendor maps the options that it supports; others become warnings on the job. An option of one vendor only is set
under that vendor's name (`core/parameters.py`). `core/option_sources.py` reads options from their sources.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictStr,
    model_serializer,
)

from asrcore.core.parameters import Value
from asrcore.messages import Message

_LANGUAGES = {"zh": "zh-CN", "cn": "zh-CN", "cmn": "zh-CN", "en": "en-US", "yue": "yue-CN"}


def _language(value: object) -> object:
    return _LANGUAGES.get(value.strip().lower(), value.strip()) if isinstance(value, str) else value


def _word_list(value: object) -> object:
    return (
        [word.strip() for word in value.replace("，", ",").split(",") if word.strip()]
        if isinstance(value, str)
        else value
    )


def _number(value: object) -> object:
    return str(value) if isinstance(value, bool) else value  # JSON's `true` is no 1


class Options(BaseModel):
    """Canonical options; a field that was not set is left to the vendor's default. Bounds are those of all vendors.

    vendor: by vendor's name, what only this vendor knows, under its own names for it; `Vendor.parameters` lists them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Annotated[str, BeforeValidator(_language), Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$")] = Field(
        default="zh-CN", description="language of the speech; default Mandarin"
    )
    speakers: Annotated[int, BeforeValidator(_number), Field(ge=0, le=10)] | None = Field(
        default=None, description="number of speakers to distinguish; 0 detects it"
    )
    punctuation: bool | None = Field(default=None, description="punctuation marks in the text")
    inverse_text_normalization: bool | None = Field(default=None, description="write spoken numbers as digits")
    words: bool | None = Field(default=None, description="times of words; default true")
    hotwords: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=30)]], BeforeValidator(_word_list), Field(max_length=128)
    ] = Field(default=[], description="hot words: names and terms in the recording")
    domain: Annotated[str, Field(pattern=r"^[a-z]{2,20}$")] | None = Field(
        default=None, description="subject of the recording"
    )
    channels: Literal["split", "mix"] | None = Field(
        default=None, description="stereo recording: recognize and label each channel, or mix both"
    )
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] | None = Field(
        default=None, description="engine or model of the vendor"
    )
    filter_fillers: bool | None = Field(default=None, description="leave out “um” and “呃”")
    audio_track: Annotated[int, BeforeValidator(_number), Field(ge=1, le=99)] | None = Field(
        default=None, description="audio track of a video, counted from 1"
    )
    again: bool | None = Field(
        default=None, description="transcribe anew a recording whose earlier version has the same bytes"
    )
    vendor: dict[str, dict[str, StrictBool | int | StrictStr]] = Field(
        default={}, description="what only one vendor knows"
    )

    @model_serializer(mode="wrap")
    def _only_what_was_set(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A default must not be read back as a requested option.
        return {name: value for name, value in serialize(self).items() if name in self.model_fields_set}

    def requested_names(self) -> set[str]:
        """Return the canonical options that were set and a vendor may not support.

        Not among them: language, which decides which vendors fit, audio_track, which the conversion fulfils, and again.
        """
        return self.model_fields_set - {"language", "audio_track", "again", "vendor"}

    def vendor_options(self, vendor: str) -> Mapping[str, Value]:
        """Return the options under a vendor's name, by the vendor's names for them."""
        return self.vendor.get(vendor, {})

    def over(self, lower_precedence: "Options") -> "Options":
        """Return these options, completed by those of a source of lower precedence, each by itself."""
        higher = {name: getattr(self, name) for name in self.model_fields_set - {"vendor"}}
        names = {*lower_precedence.vendor, *self.vendor}
        vendor = {name: {**lower_precedence.vendor_options(name), **self.vendor_options(name)} for name in names}
        return lower_precedence.model_copy(update={**higher, **({"vendor": vendor} if vendor else {})})


# The options that are the same for all vendors, and their values in words.
_TRUE_FALSE = Message("allowed.words", {"words": ["true", "false"]})
ALLOWED: Mapping[str, Message] = MappingProxyType(
    {
        "language": Message("allowed.language"),
        "speakers": Message("allowed.range", {"lowest": 0, "highest": 10}),
        "punctuation": _TRUE_FALSE,
        "inverse_text_normalization": _TRUE_FALSE,
        "words": _TRUE_FALSE,
        "hotwords": Message("allowed.hotwords", {"most": 128, "longest": 30}),
        "domain": Message("allowed.domain"),
        "channels": Message("allowed.words", {"words": ["split", "mix"]}),
        "model": Message("allowed.model"),
        "filter_fillers": _TRUE_FALSE,
        "audio_track": Message("allowed.range", {"lowest": 1, "highest": 99}),
        "again": _TRUE_FALSE,
    }
)


class RequestedOptions(BaseModel):
    """The options of one source, and its vendor: a name, `auto` for automatic choice, or None.

    tags: words of the caller's own about the recording, by name.  webhook: the URL that is posted the job's end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: str | None = None
    options: Options = Options()
    tags: dict[str, str] = {}
    webhook: str | None = None

    def over(self, lower_precedence: "RequestedOptions") -> "RequestedOptions":
        """Return these options, completed by those of a source of lower precedence."""
        return RequestedOptions(
            vendor=self.vendor or lower_precedence.vendor,
            options=self.options.over(lower_precedence.options),
            tags={**lower_precedence.tags, **self.tags},
            webhook=self.webhook or lower_precedence.webhook,
        )
