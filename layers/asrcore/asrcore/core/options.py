"""What a person may ask of a transcription, in one vocabulary for all vendors.

Each vendor maps the options that it knows; one that it cannot honour becomes a warning on the job, and a value out of
range is refused with what is allowed.
"""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from asrcore.core.errors import AsrError, ErrorClass

METADATA_PREFIX = "asr-"
_LANGUAGES = {"zh": "zh-CN", "cn": "zh-CN", "cmn": "zh-CN", "en": "en-US", "yue": "yue-CN"}


def _language(value: object) -> object:
    return _LANGUAGES.get(value.strip().lower(), value.strip()) if isinstance(value, str) else value


def _word_list(value: object) -> object:
    return (
        [word.strip() for word in value.replace("，", ",").split(",") if word.strip()]
        if isinstance(value, str)
        else value
    )


class Options(BaseModel):
    """Canonical options; a field that was not set is left to the vendor's default. Bounds are those of all vendors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Annotated[str, BeforeValidator(_language), Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$")] = Field(
        default="zh-CN", description="language tag; `zh` and `en` will do; Mandarin if not given"
    )
    speakers: Annotated[int, Field(ge=0, le=10)] | None = Field(
        default=None, description="tell speakers apart: how many, 0 to find out"
    )
    punctuation: bool | None = Field(default=None, description="`true` or `false`")
    inverse_text_normalization: bool | None = Field(default=None, description="spoken numbers become digits")
    words: bool | None = Field(default=None, description="times of words; on unless `false`")
    hotwords: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=30)]], BeforeValidator(_word_list), Field(max_length=128)
    ] = Field(default=[], description="words to expect, separated by commas")
    domain: Annotated[str, Field(pattern=r"^[a-z]{2,20}$")] | None = Field(
        default=None, description="field of speech: `medical`, `finance`, …"
    )
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] | None = Field(
        default=None, description="the vendor's engine, by its own name"
    )
    filter_fillers: bool | None = Field(default=None, description="leave out “um” and “呃”")

    def asked(self) -> set[str]:
        """The options that somebody set, language apart: it decides which vendors fit, so none can ignore it."""
        return self.model_fields_set - {"language"}


def read_metadata(metadata: Mapping[str, str]) -> tuple[str | None, Options]:
    """The vendor named by an object's metadata, if any, and its options.

    metadata: an object's user metadata, lower-case names without `x-amz-meta-`. Values may be percent-encoded UTF-8,
    because S3 metadata travels in HTTP headers. Raises AsrError(config) naming the entry and what it may be.
    """
    given = {
        name.removeprefix(METADATA_PREFIX).replace("-", "_"): unquote(value)
        for name, value in metadata.items()
        if name.startswith(METADATA_PREFIX)
    }
    vendor = given.pop("vendor", None)
    try:
        return vendor, Options.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = METADATA_PREFIX + str(problem["loc"][0]).replace("_", "-")
        message = f"object metadata {name}={problem['input']!r}: {problem['msg']}"
        if problem["type"] == "extra_forbidden":
            allowed = ", ".join(
                METADATA_PREFIX + field.replace("_", "-") for field in ("vendor", *Options.model_fields)
            )
            message = f"object metadata {name} is not known; known are {allowed}"
        raise AsrError(
            ErrorClass.CONFIG, "BadOption", f"{message}. Upload the recording again with it corrected."
        ) from None
