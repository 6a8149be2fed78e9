"""The sources of options, in order of precedence: stack parameter, sidecar, object metadata, request (the highest).

Precedence applies to each option by itself. All sources know the same names. In JSON a vendor's own parameters are in
an object under the vendor's name, in metadata they follow it: `{"volcengine": {"boosting_table_name": "names"}}` is
`asr-volcengine-boosting-table-name: names`. Case does not matter, and `_` and `.` may be `-`: S3 makes the names of
metadata lower-case. An unknown name and a value that is not allowed are rejected with what is allowed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from asrcore.core.encoded_words import decode_words
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.options import ALLOWED, Options, RequestedOptions
from asrcore.core.parameters import Value
from asrcore.core.redaction import REPLACEMENT
from asrcore.core.routing import AUTO
from asrcore.core.vendor import Vendor
from asrcore.messages import Message, Param

METADATA_PREFIX = "asr-"
TAG_PREFIX = "asr-tag-"
SIDECAR_SUFFIX = ".asr.json"
LARGEST_SIDECAR_BYTES = 64 * 1024
MOST_TAGS = 10
LONGEST_TAG = 100  # characters of a value
LONGEST_WEBHOOK = 500
_TAG_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TAG_VALUE = re.compile(rf"[^\x00-\x1f\x7f,]{{1,{LONGEST_TAG}}}")
# No query, no user: the URL is stored in the job's row, and a receiver trusts the signature.
_WEBHOOK = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+;=:@%/-]*)?")
_TAGS, _HOOK = "tags", "webhook"
_LONGEST_SHOWN = 80
_VENDOR = ("vendor",)

Path = tuple[str, ...]  # an option's name, or a vendor's and its parameter's
Vendors = Mapping[str, Vendor]


@dataclass(frozen=True)
class _OptionSource:
    """A source in error messages. where: its name.  remedy: what to do.  prefix: of metadata names."""

    where: Message
    remedy: Message
    prefix: str = ""

    def reject(self, problem: Message, code: str = "BadOption") -> AsrError:
        params: dict[str, Param] = {"where": self.where, "problem": problem, "remedy": self.remedy}
        return AsrError(ErrorClass.CONFIG, code, Message("BadOption", params))

    def reject_value(self, name: str, value: object, allowed: Message, code: str = "BadOption") -> AsrError:
        return self.reject(
            Message("option.value", {"name": name, "value": _cut(repr(value)), "allowed": allowed}), code
        )


_METADATA = _OptionSource(Message("source.metadata"), Message("source.metadata-remedy"), METADATA_PREFIX)
_REQUEST = _OptionSource(Message("source.request"), Message("source.request-remedy"))
_STACK = _OptionSource(Message("source.stack"), Message("source.stack-remedy"))


@dataclass(frozen=True)
class _Entry:
    """One option that a source sets. name: as written.  key: its path, folded."""

    name: str
    key: Path
    value: object


def read_metadata(metadata: Mapping[str, str], vendors: Vendors) -> RequestedOptions:
    """Read the options in an object's metadata.

    Args:
        metadata: user metadata as S3 returns it, names without `x-amz-meta-`; those without `asr-` are ignored. Values
            may be encoded words (RFC 2047), and percent-encoded UTF-8; `undecodable_metadata` lists those left out.
        vendors: all vendors, by name.

    Raises:
        AsrError: `config`, BadOption or UnknownVendor, with the entry and what is allowed.
    """
    decoded = {name: value for name, value in _decoded(metadata) if value is not None}
    tags = {name: value for name, value in decoded.items() if fold(name).startswith(TAG_PREFIX)}
    webhooks = {name: value for name, value in decoded.items() if fold(name) == metadata_name(_HOOK)}
    entries = [
        _Entry(name, (fold(name).removeprefix(METADATA_PREFIX),), value)
        for name, value in decoded.items()
        if name not in {*tags, *webhooks}
    ]
    known: dict[Path, Path] = {("-".join(key),): path for key, path in _known(vendors).items()}
    about = {
        _TAGS: _read_tags({fold(name).removeprefix(TAG_PREFIX): value for name, value in tags.items()}, _METADATA),
        _HOOK: _read_webhook(next(iter(webhooks.values()), None), _METADATA),
    }
    return _read(entries, known, _METADATA, vendors).model_copy(update=about)


def undecodable_metadata(metadata: Mapping[str, str]) -> list[str]:
    """Return the names of the options in an object's metadata whose values cannot be decoded."""
    return [name for name, value in _decoded(metadata) if value is None]


def _decoded(metadata: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield the options in an object's metadata, with None for a value that cannot be decoded."""
    for name, value in metadata.items():
        if fold(name).startswith(METADATA_PREFIX):
            try:
                yield name, unquote(decode_words(value))
            except ValueError:
                yield name, None


def read_sidecar(key: str, body: bytes, vendors: Vendors) -> RequestedOptions:
    """Read the options in the sidecar of the recording `key`. Raises AsrError as `read_metadata` does."""
    where = Message("source.sidecar", {"key": f"{key}{SIDECAR_SUFFIX}"})
    source = _OptionSource(where, Message("source.sidecar-remedy"))
    if len(body) > LARGEST_SIDECAR_BYTES:
        raise source.reject(Message("option.sidecar-too-large", {"most_kb": LARGEST_SIDECAR_BYTES // 1024}))
    return _read_json(body, source, vendors)


def read_default(text: str, vendors: Vendors) -> RequestedOptions:
    """Read the stack's options, which apply to every recording. Raises AsrError as `read_metadata` does."""
    requested = _read_json(text.encode("utf-8", "replace"), _STACK, vendors)
    if requested.vendor is not None:
        raise _STACK.reject(Message("option.vendor-in-default"))
    return requested


def read_request(vendor: str | None, options: Mapping[str, Any], vendors: Vendors) -> RequestedOptions:
    """Read the options of a request. Raises AsrError as `read_metadata` does."""
    return _read_document({**options, **({} if vendor is None else {"vendor": vendor})}, _REQUEST, vendors)


def read_request_text(text: str, vendors: Vendors) -> RequestedOptions:
    """Read the options of a request that has them as JSON text. Raises AsrError as `read_metadata` does."""
    return _read_json(text.encode("utf-8", "replace"), _REQUEST, vendors)


def merge(*sources: RequestedOptions) -> RequestedOptions:
    """Return the options of all sources together. sources: in order of precedence, the highest last."""
    merged = RequestedOptions()
    for source in sources:
        merged = source.over(merged)
    return merged


def fold(name: str) -> str:
    """Return a name in the form that S3 metadata allow."""
    return name.lower().replace("_", "-").replace(".", "-")


def metadata_name(*path: str) -> str:
    """Return the name of the metadata entry for an option, or for a vendor's parameter."""
    return METADATA_PREFIX + "-".join(fold(part) for part in path)


def _known(vendors: Vendors) -> dict[Path, Path]:
    """Return the path of every option that may be set, by its folded form."""
    own = [(vendor.name, parameter) for vendor in vendors.values() for parameter in vendor.parameters]
    return {tuple(fold(part) for part in path): path for path in (_VENDOR, *((name,) for name in ALLOWED), *own)}


def _read_json(body: bytes, source: _OptionSource, vendors: Vendors) -> RequestedOptions:
    try:
        document = json.loads(body, object_pairs_hook=_without_repeats)
    except _RepeatedNameError as error:
        raise source.reject(Message("option.twice", {"name": _cut(error.name)})) from None
    except (ValueError, RecursionError):
        raise source.reject(Message("option.not-json")) from None
    return _read_document(document, source, vendors)


class _RepeatedNameError(Exception):
    """A JSON object has a name twice, so that its value is ambiguous."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise _RepeatedNameError(name)
        document[name] = value
    return document


def _read_document(document: object, source: _OptionSource, vendors: Vendors) -> RequestedOptions:
    if not isinstance(document, dict):
        raise source.reject(Message("option.no-object"))
    about = {
        _TAGS: _read_tags(document.get(_TAGS), source),
        _HOOK: _read_webhook(document.get(_HOOK), source),
    }
    document = {name: value for name, value in document.items() if name not in about}
    folded_vendors = {fold(name) for name in vendors}
    entries: list[_Entry] = []
    for name, value in document.items():
        if isinstance(value, dict) and fold(name) in folded_vendors:
            entries += [_Entry(f"{name}.{inner}", (fold(name), fold(inner)), each) for inner, each in value.items()]
        else:
            entries.append(_Entry(name, (fold(name),), value))
    return _read(entries, _known(vendors), source, vendors).model_copy(update=about)


def _read_tags(value: object, source: _OptionSource) -> dict[str, str]:
    """Return the tags of a source, by name; none for None."""
    allowed = Message("allowed.tags", {"most": MOST_TAGS, "longest": LONGEST_TAG})
    if not isinstance(value, dict | None) or len(value or {}) > MOST_TAGS:
        raise source.reject_value(_TAGS, value, allowed)
    for name, text in (value or {}).items():
        if not (_TAG_NAME.fullmatch(name) and isinstance(text, str) and _TAG_VALUE.fullmatch(text)):
            raise source.reject_value(name, text, allowed)
    return dict(value or {})


def _read_webhook(value: object, source: _OptionSource) -> str | None:
    """Return the URL of a job's webhook; whether its host is allowed, the caller and the delivery check."""
    if value is None:
        return None
    if not (isinstance(value, str) and len(value) <= LONGEST_WEBHOOK and _WEBHOOK.fullmatch(value)):
        raise source.reject(Message("option.webhook", {"most": LONGEST_WEBHOOK}))
    return value


def _read(
    entries: Iterable[_Entry], known: Mapping[Path, Path], source: _OptionSource, vendors: Vendors
) -> RequestedOptions:
    """Check each entry and build the options; an entry with null sets nothing."""
    by_path = _by_path(entries, known, source, vendors)
    vendor: str | None = None
    canonical: dict[str, _Entry] = {}
    vendor_options: dict[str, dict[str, Value]] = {}
    for path, entry in by_path.items():
        if entry.value is None:
            continue
        if path == _VENDOR:
            vendor = _vendor(entry, source, vendors)
        elif len(path) == 1:
            canonical[path[0]] = entry
        else:
            vendor_options.setdefault(path[0], {})[path[1]] = _vendor_option(path, entry, source, vendors)
    return RequestedOptions(vendor=vendor, options=_options(canonical, vendor_options, source))


def _by_path(
    entries: Iterable[_Entry], known: Mapping[Path, Path], source: _OptionSource, vendors: Vendors
) -> dict[Path, _Entry]:
    """Return the entries by the path of their option. Raises AsrError for an unknown or repeated one."""
    by_path: dict[Path, _Entry] = {}
    for entry in entries:
        path = known.get(entry.key)
        if path is None:
            raise source.reject(_unknown(entry, source, vendors))
        if path in by_path:
            raise source.reject(Message("option.twice", {"name": _cut(entry.name)}))
        by_path[path] = entry
    return by_path


def _options(
    canonical: Mapping[str, _Entry], vendor_options: Mapping[str, Mapping[str, Value]], source: _OptionSource
) -> Options:
    values: dict[str, object] = {name: entry.value for name, entry in canonical.items()}
    if vendor_options:
        values["vendor"] = vendor_options
    try:
        return Options.model_validate(values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise source.reject_value(canonical[name].name, values[name], ALLOWED[name]) from None


def _vendor_option(path: Path, entry: _Entry, source: _OptionSource, vendors: Vendors) -> Value:
    """Return the value of a vendor's parameter, checked by the vendor's table."""
    vendor, name = path
    parameter = vendors[vendor].parameters[name]
    try:
        return parameter.read(entry.value)
    except ValueError:
        value = REPLACEMENT if parameter.is_secret else entry.value
        raise source.reject_value(entry.name, value, parameter.allowed) from None


def _vendor(entry: _Entry, source: _OptionSource, vendors: Vendors) -> str:
    if isinstance(entry.value, str) and entry.value in (AUTO, *vendors):
        return entry.value
    raise source.reject_value(
        entry.name, entry.value, Message("allowed.words", {"words": [AUTO, *vendors]}), "UnknownVendor"
    )


def _unknown(entry: _Entry, source: _OptionSource, vendors: Vendors) -> Message:
    """Return the problem of an unknown name, with those that were likely meant: of a vendor, or of all vendors."""
    name = _cut(entry.name)
    named = [vendor for vendor in vendors if "-".join(entry.key).startswith(f"{fold(vendor)}-")]
    if not named:
        known = [source.prefix + (fold(each) if source.prefix else each) for each in ("vendor", *ALLOWED)]
        if source.prefix:
            return Message("option.unknown-metadata", {"name": name, "known": known})
        return Message("option.unknown", {"name": name, "known": known})
    vendor = max(named, key=len)
    if not vendors[vendor].parameters:
        return Message("option.vendor-has-none", {"name": name, "vendor": vendor})
    parameters = [
        f"{source.prefix}{vendor}-{fold(each)}" if source.prefix else f"{vendor}.{each}"
        for each in vendors[vendor].parameters
    ]
    return Message("option.unknown-of-vendor", {"name": name, "vendor": vendor, "known": parameters})


def _cut(text: str) -> str:
    """Return text for a message: shortened, and without the unpaired surrogates that JSON may hold."""
    shown = text.encode("utf-8", "replace").decode()
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
