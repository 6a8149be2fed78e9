"""The choice of vendors for a recording, and of the way in which it is delivered."""

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from asrcore.core.choice import ChoiceReason, VendorChoice
from asrcore.core.conversion import converted_request, form_for, takes_as_is
from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass
from asrcore.core.form import Form
from asrcore.core.remedy import advise
from asrcore.core.remote_recordings import is_remote
from asrcore.core.vendor import Limits, RecognitionRequest, Vendor
from asrcore.messages import Message, Param

INCOMING = "incoming/"
AUTO = "auto"
SHORT_MS = 60_000  # a vendor with this limit is one of short recordings
_DOTS = frozenset({".", ".."})  # RFC 3986, section 5.2.4: clients remove them from a URL, and its signature breaks


def pinned_vendor(key: str, requested: str | None, vendors: Mapping[str, Vendor]) -> str | None:
    """Return the vendor that the options or the key `incoming/<vendor>/…` name; None for automatic choice.

    A remote recording has no vendor's folder.
    requested: a vendor's name or `auto`, over the key. Raises AsrError(config) for a folder that is no vendor.
    """
    inside = key.removeprefix(INCOMING)
    folder = inside.split("/")[0] if "/" in inside and not is_remote(key) else AUTO
    name = requested or folder
    if name == AUTO:
        return None
    if name in vendors:
        return name
    named: dict[str, Param] = {"folder": INCOMING, "vendor": name, "allowed": [AUTO, *vendors]}
    raise AsrError(ErrorClass.CONFIG, "UnknownVendor", Message("UnknownVendor.folder", named))


@dataclass(frozen=True)
class IneligibleVendor:
    """A vendor that cannot get a recording, and why."""

    vendor: str
    reason: Message
    error_class: ErrorClass


@dataclass(frozen=True)
class Selection:
    """The vendors that a recording is submitted to, in order, and the reason for the first.

    forms: by vendor, the form that it needs; empty if they accept the recording as it is.
    """

    vendors: list[str]
    choice: VendorChoice
    forms: Mapping[str, Form] = field(default_factory=dict)


def choose(
    request: RecognitionRequest,
    candidates: Sequence[str],
    vendors: Mapping[str, Vendor],
    missing_credentials: Callable[[Vendor], Message | None],
    *,
    can_convert: bool = False,
) -> Selection:
    """Select the candidates that accept the recording: first those that support every asked option, then the others.

    Among equals the order of `candidates` decides. Options under a vendor's name do not change the order: they are
    about how to recognize, not where.

    If none accepts it as it is and it can be converted, those are selected that accept it converted. Only if none does
    is a format submitted that the documents of a named vendor do not list.

    missing_credentials: what a vendor's credentials lack, None if nothing. Raises AsrError with a line per vendor if
    none is left: `config` if one lacks nothing but credentials, else `bad_audio`.
    """
    named = [vendors[name] for name in candidates]
    listed = replace(request, named=False)
    if not can_convert:
        return _select(request, request.named, named, missing_credentials, {})
    if any(takes_as_is(vendor, listed) and not missing_credentials(vendor) for vendor in named):
        return _select(listed, request.named, named, missing_credentials, {})
    found = {vendor.name: form_for(vendor, request) for vendor in named}
    forms = {name: form for name, form in found.items() if form is not None}
    return _select(request, request.named, named, missing_credentials, forms)


def _select(
    request: RecognitionRequest,
    is_named: bool,
    candidates: Sequence[Vendor],
    missing_credentials: Callable[[Vendor], Message | None],
    forms: Mapping[str, Form],
) -> Selection:
    chosen: dict[str, Vendor] = {}
    refused: list[IneligibleVendor] = []
    for vendor in candidates:
        reason = None if vendor.name in forms else vendor.rejection_reason(request)
        lacking = missing_credentials(vendor)
        if reason:
            refused.append(IneligibleVendor(vendor.name, reason, ErrorClass.BAD_AUDIO))
        elif lacking:
            refused.append(IneligibleVendor(vendor.name, lacking, ErrorClass.CONFIG))
        else:
            chosen[vendor.name] = vendor
    if not chosen:
        raise _none_fits(request, refused, {vendor.name: vendor for vendor in candidates})
    requests = {name: converted_request(request, forms[name]) if name in forms else request for name in chosen}
    left_out = {
        name: vendor.unsupported_options(requests[name]) & request.options.requested_names()
        for name, vendor in chosen.items()
    }
    in_order = sorted(left_out, key=lambda name: bool(left_out[name]))
    choice = VendorChoice(code=ChoiceReason.NAMED) if is_named else _reason(in_order[0], left_out)
    return Selection(in_order, choice, {name: forms[name] for name in in_order if name in forms})


def _reason(first: str, left_out: Mapping[str, AbstractSet[str]]) -> VendorChoice:
    """Say why `first` is first. left_out: by vendor, in the chain's order, the asked options that it cannot fulfil."""
    if left_out[first]:
        return VendorChoice(code=ChoiceReason.NONE_SUPPORTS_ALL, params={"options": sorted(left_out[first])})
    passed_over = list(takewhile(lambda name: name != first, left_out))
    if not passed_over:
        return VendorChoice(code=ChoiceReason.FIRST_IN_CHAIN)
    options = sorted(set().union(*(left_out[name] for name in passed_over)))
    return VendorChoice(code=ChoiceReason.SUPPORTS_OPTIONS, params={"options": options, "passed_over": passed_over})


def _none_fits(
    request: RecognitionRequest, refused: Sequence[IneligibleVendor], vendors: Mapping[str, Vendor]
) -> AsrError:
    reasons = [Message("of-vendor", {"vendor": refusal.vendor, "reason": refusal.reason}) for refusal in refused]
    only = refused[0].vendor if len(refused) == 1 else None
    if any(refusal.error_class is ErrorClass.CONFIG for refusal in refused):
        reason = Message("CredentialsMissing", {"reasons": reasons})
        return AsrError(ErrorClass.CONFIG, "CredentialsMissing", reason, only)
    advice = advise(request, [vendors[refusal.vendor] for refusal in refused])
    return AsrError(
        ErrorClass.BAD_AUDIO, "NoVendorFits", Message("NoVendorFits", {"advice": advice, "reasons": reasons}), only
    )


def followers(chain: Sequence[str], failed: Vendor, error: AsrError, vendors: Mapping[str, Vendor]) -> list[str]:
    """Return the vendors of the chain that may succeed after an error of `failed`, in order.

    A recording that a vendor rejected can succeed only at one that accepts more of that property (longer recordings,
    other formats, …); any other error is the vendor's own.
    """
    if error.error_class is not ErrorClass.BAD_AUDIO:
        return list(chain)
    takes_more = _TAKES_MORE[error.constraint]
    return [name for name in chain if takes_more(vendors[name].limits, failed.limits)]


def _wider(one: frozenset[Any], other: frozenset[Any]) -> bool:
    """Return whether the first of two limits allows something that the second does not; an empty set is no limit."""
    return bool(other) and (not one or bool(one - other))


_TAKES_MORE: Mapping[AudioConstraint, Callable[[Limits, Limits], bool]] = {
    AudioConstraint.FORMAT: lambda one, other: _wider(one.formats, other.formats),
    AudioConstraint.SAMPLE_RATE: lambda one, other: _wider(one.sample_rates_hz, other.sample_rates_hz),
    AudioConstraint.CHANNELS: lambda one, other: _wider(one.channels, other.channels),
    AudioConstraint.LENGTH: lambda one, other: one.max_duration_ms > other.max_duration_ms,
    # No vendor documents a shortest length: a vendor of short recordings is the likeliest to take this one.
    AudioConstraint.SHORTNESS: lambda one, _other: one.max_duration_ms <= SHORT_MS,
    AudioConstraint.SIZE: lambda one, other: (one.max_size_bytes or math.inf) > (other.max_size_bytes or math.inf),
    AudioConstraint.CONTENT: lambda _one, _other: False,
}


def deliver_as_data(vendor: Vendor, key: str, url_length: int, size_bytes: int, max_data_bytes: int) -> bool:
    """Return whether the bytes are sent, because the URL is too long for the vendor or would be changed on the way.

    max_data_bytes: this deployment's limit, never above the vendor's. Raises AsrError(config) if neither is possible.
    """
    limit = vendor.limits.max_url_length
    is_too_long, is_rewritten = limit is not None and url_length > limit, not _DOTS.isdisjoint(key.split("/"))
    if not (is_too_long or is_rewritten):
        return False
    if size_bytes <= max_data_bytes:
        return True
    if is_rewritten:
        rewritten = Message("UrlRewritten", {"size_bytes": size_bytes, "most_bytes": max_data_bytes})
        raise AsrError(ErrorClass.CONFIG, "UrlRewritten", rewritten, vendor.name)
    too_long: dict[str, Param] = {
        "characters": url_length,
        "vendor": vendor.name,
        "most_characters": limit or 0,
        "size_bytes": size_bytes,
        "most_bytes": max_data_bytes,
    }
    raise AsrError(ErrorClass.CONFIG, "UrlTooLong", Message("UrlTooLong", too_long), vendor.name)
