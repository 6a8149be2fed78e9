"""Rates, sizes and model of submissions to a vendor: its own, and the stack parameter `VendorTuning` over them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asrcore.core.documents import invalid, read_json
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message, Param

if TYPE_CHECKING:
    from asrcore.core.vendor import Vendor

PARAMETER = "VendorTuning"
LARGEST_STREAM_BYTES = 1_000_000_000  # what Lambda passes on within the longest call, at 10 Mbit/s


class Tuning(BaseModel):
    """Rates, sizes and model for one vendor. A vendor sets those that apply to it; others cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    submissions_per_second: int = Field(ge=1, le=1000, description="Submissions per second")
    submissions_per_day: int = Field(
        0, ge=0, le=1_000_000, description="Submissions per day, in China's time zone; 0, no limit"
    )
    queries_per_second: int = Field(0, ge=1, le=1000, description="Queries for results per second")
    max_data_bytes: int = Field(
        0, ge=0, description="Largest recording sent in the request itself, where a URL cannot serve"
    )
    max_duration_s: int = Field(0, ge=1, le=36_000, description="Longest recording, in seconds")
    model: str = Field(
        "", max_length=100, pattern=r"^[A-Za-z0-9_.:/-]*$", description="Model, unless a recording names one"
    )


def ceiling(vendor: "Vendor", field: str) -> int | None:
    """Return the largest value that a field may have because of the vendor's documented limits; None: no such limit."""
    if field != "max_data_bytes":
        return None
    return vendor.limits.max_data_bytes if vendor.limits.accepts_urls else LARGEST_STREAM_BYTES


def read_vendor_tuning(text: str, vendors: Mapping[str, "Vendor"]) -> dict[str, Tuning]:
    """Return every vendor's tuning, by name: the vendor's own values with those of the stack parameter in their place.

    text: a JSON object per vendor, `{"tencent-sentence": {"submissions_per_second": 50}}`; a missing field keeps the
    vendor's value. Raises AsrError(config) with the vendor, the field, and what is allowed.
    """
    tuning = {name: vendor.tuning for name, vendor in vendors.items()}
    for name, given in _object(text).items():
        if name not in vendors:
            raise _reject(Message("BadTuning.vendor", {"name": name[:40], "vendors": [*vendors]}))
        tuning[name] = _tuned(vendors[name], given)
    return tuning


def own_values(vendor: "Vendor") -> dict[str, Any]:
    """Return the fields that can be changed for a vendor, with its own values. Each may have a limit per day."""
    own = vendor.tuning.model_dump(exclude_unset=True)
    return {"submissions_per_second": own["submissions_per_second"], "submissions_per_day": 0, **own}


def _object(text: str) -> dict[str, Any]:
    try:
        document = read_json(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _reject(Message("BadTuning.no-object"))
    return document


def _tuned(vendor: "Vendor", given: object) -> Tuning:
    own = own_values(vendor)
    if not isinstance(given, dict):
        raise _reject(Message("BadTuning.no-vendor-object", {"vendor": vendor.name}))
    for field, value in given.items():
        if field not in own:
            raise _reject(Message("BadTuning.field", {"vendor": vendor.name, "field": field[:40], "fields": [*own]}))
        limit = ceiling(vendor, field)
        if limit is not None and isinstance(value, int) and value > limit:
            raise _reject(
                Message(
                    "BadTuning.limit", {"vendor": vendor.name, "field": field, "value": str(value)[:40], "most": limit}
                )
            )
    try:
        return Tuning.model_validate({**own, **given})
    except ValidationError as error:
        wrong = error.errors()[0]
        place: dict[str, Param] = {"vendor": vendor.name, "field": str(wrong["loc"][0])}
        wrong_value: dict[str, Param] = {"value": str(wrong["input"])[:40], "fault": invalid(wrong)}
        raise _reject(Message("BadTuning.value", {**place, **wrong_value})) from None


def _reject(what: Message) -> AsrError:
    return AsrError(ErrorClass.CONFIG, "BadTuning", Message("BadTuning", {"parameter": PARAMETER, "what": what}))
