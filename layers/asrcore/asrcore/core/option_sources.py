"""Where options are set, and who wins: stack parameter, sidecar, object metadata, request; the nearer wins.

Each option goes by itself. All levels know the same names. In JSON a vendor's own parameters stand in an object under
the vendor's name, in metadata behind it: `{"volcengine": {"boosting_table_name": "names"}}` is
`asr-volcengine-boosting-table-name: names`. Letters may be small or capital, `_` and `.` may be `-`: S3 makes the names
of metadata lower-case. A name that is not known, and a value that is not allowed, are refused with what is.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.options import ALLOWED, Options, RequestedOptions
from asrcore.core.parameters import Value
from asrcore.core.routing import AUTO
from asrcore.core.vendor import Vendor

METADATA_PREFIX = "asr-"
SIDECAR_SUFFIX = ".asr.json"
LARGEST_SIDECAR_BYTES = 64 * 1024
_LONGEST_SHOWN = 80
_VENDOR = ("vendor",)

Path = tuple[str, ...]  # an option's name, or a vendor's and its parameter's
Vendors = Mapping[str, Vendor]


@dataclass(frozen=True)
class _OptionSource:
    """How to speak of a level. place: before the name.  remedy: what to do."""

    place: str
    remedy: str
    prefix: str = ""

    def refuse(self, what: str, code: str = "BadOption") -> AsrError:
        return AsrError(ErrorClass.CONFIG, code, f"{self.place} {what}. {self.remedy}")

    def refuse_value(self, name: str, value: object, allowed: str, code: str = "BadOption") -> AsrError:
        return self.refuse(f"{name}={_cut(repr(value))}: allowed: {allowed}", code)


_METADATA = _OptionSource("object metadata", "Upload the recording again with it corrected.", METADATA_PREFIX)
_REQUEST = _OptionSource("the request's options:", "Send it again with them corrected.")
_STACK = _OptionSource("the stack parameter DefaultOptions:", "Deploy the stack again with it corrected.")


@dataclass(frozen=True)
class _Entry:
    """One thing that was set. name: as it was written.  key: the names to look it up by, folded."""

    name: str
    key: Path
    value: object


def read_metadata(metadata: Mapping[str, str], vendors: Vendors) -> RequestedOptions:
    """What an object's metadata asks for.

    metadata: user metadata, names without `x-amz-meta-`; those without `asr-` are somebody else's. Values may be
    percent-encoded UTF-8, because S3 metadata travels in HTTP headers. Raises AsrError (`config`, BadOption or
    UnknownVendor) naming the entry and what it may be.
    """
    entries = [
        _Entry(name, (fold(name).removeprefix(METADATA_PREFIX),), unquote(value))
        for name, value in metadata.items()
        if fold(name).startswith(METADATA_PREFIX)
    ]
    known: dict[Path, Path] = {("-".join(key),): path for key, path in _known(vendors).items()}
    return _read(entries, known, _METADATA, vendors)


def is_sidecar(key: str) -> bool:
    """Whether an object is the sidecar of a recording, and no recording itself."""
    return key.endswith(SIDECAR_SUFFIX)


def read_sidecar(key: str, body: bytes, vendors: Vendors) -> RequestedOptions:
    """What the sidecar of the recording `key` asks for. Raises AsrError as `read_metadata` does."""
    level = _OptionSource(
        f"the sidecar {key}{SIDECAR_SUFFIX}:", "Upload it again corrected, and after it the recording once more."
    )
    if len(body) > LARGEST_SIDECAR_BYTES:
        raise level.refuse(f"larger than {LARGEST_SIDECAR_BYTES // 1024} KB")
    return _read_json(body, level, vendors)


def read_default(text: str, vendors: Vendors) -> RequestedOptions:
    """What the stack asks for, for every recording. Raises AsrError as `read_metadata` does."""
    wish = _read_json(text.encode("utf-8", "replace"), _STACK, vendors)
    if wish.vendor is not None:
        raise _STACK.refuse("vendor cannot be set here; VendorChain says which vendors there are, in which order")
    return wish


def read_request(vendor: str | None, options: Mapping[str, Any], vendors: Vendors) -> RequestedOptions:
    """What a request asks for. Raises AsrError as `read_metadata` does."""
    return _read_document({**options, **({} if vendor is None else {"vendor": vendor})}, _REQUEST, vendors)


def read_request_text(text: str, vendors: Vendors) -> RequestedOptions:
    """Read what a request asks for that carries its options as JSON text. Raises AsrError as `read_metadata` does."""
    return _read_json(text.encode("utf-8", "replace"), _REQUEST, vendors)


def merge(*levels: RequestedOptions) -> RequestedOptions:
    """All levels as one. levels: from the farthest to the nearest, which wins."""
    whole = RequestedOptions()
    for level in levels:
        whole = level.over(whole)
    return whole


def fold(name: str) -> str:
    """A name as S3's metadata can carry it."""
    return name.lower().replace("_", "-").replace(".", "-")


def metadata_name(*path: str) -> str:
    """The metadata entry for an option, or for a vendor's parameter."""
    return METADATA_PREFIX + "-".join(fold(part) for part in path)


def _known(vendors: Vendors) -> dict[Path, Path]:
    """Every name that may be set, by its folded form."""
    own = [(vendor.name, parameter) for vendor in vendors.values() for parameter in vendor.parameters]
    return {tuple(fold(part) for part in path): path for path in (_VENDOR, *((name,) for name in ALLOWED), *own)}


def _read_json(body: bytes, level: _OptionSource, vendors: Vendors) -> RequestedOptions:
    try:
        document = json.loads(body, object_pairs_hook=_once)
    except _TwiceError as error:
        raise level.refuse(f"{_cut(error.name)} is there twice") from None
    except (ValueError, RecursionError):
        raise level.refuse("not JSON") from None
    return _read_document(document, level, vendors)


class _TwiceError(Exception):
    """A JSON object has a name twice, and nobody knows which value is meant."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise _TwiceError(name)
        document[name] = value
    return document


def _read_document(document: object, level: _OptionSource, vendors: Vendors) -> RequestedOptions:
    if not isinstance(document, dict):
        raise level.refuse('not a JSON object such as {"speakers": 2}')
    folded_vendors = {fold(name) for name in vendors}
    entries: list[_Entry] = []
    for name, value in document.items():
        if isinstance(value, dict) and fold(name) in folded_vendors:
            entries += [_Entry(f"{name}.{inner}", (fold(name), fold(inner)), each) for inner, each in value.items()]
        else:
            entries.append(_Entry(name, (fold(name),), value))
    return _read(entries, _known(vendors), level, vendors)


def _read(
    entries: Iterable[_Entry], known: Mapping[Path, Path], level: _OptionSource, vendors: Vendors
) -> RequestedOptions:
    """Check what was set; null says nothing."""
    given: dict[Path, _Entry] = {}
    for entry in entries:
        path = known.get(entry.key)
        if path is None:
            raise level.refuse(f"{_cut(entry.name)} is not known; known are {_names(entry.key, level, vendors)}")
        if path in given:
            raise level.refuse(f"{_cut(entry.name)} is there twice")
        given[path] = entry
    said = {path: entry for path, entry in given.items() if entry.value is not None}
    vendor = _vendor(said.pop(_VENDOR, None), level, vendors)
    canonical = {path[0]: entry for path, entry in said.items() if len(path) == 1}
    own = _own({path: entry for path, entry in said.items() if len(path) > 1}, level, vendors)
    values = {name: entry.value for name, entry in canonical.items()}
    try:
        options = Options.model_validate({**values, **({"vendor": own} if own else {})})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise level.refuse_value(canonical[name].name, values[name], ALLOWED[name]) from None
    return RequestedOptions(vendor=vendor, options=options)


def _own(entries: Mapping[Path, _Entry], level: _OptionSource, vendors: Vendors) -> dict[str, dict[str, Value]]:
    """What was set under vendors' names, checked by their tables."""
    own: dict[str, dict[str, Value]] = {}
    for (vendor, name), entry in entries.items():
        parameter = vendors[vendor].parameters[name]
        try:
            own.setdefault(vendor, {})[name] = parameter.read(entry.value)
        except ValueError:
            raise level.refuse_value(entry.name, entry.value, parameter.allowed) from None
    return own


def _vendor(entry: _Entry | None, level: _OptionSource, vendors: Vendors) -> str | None:
    if entry is None:
        return None
    if isinstance(entry.value, str) and entry.value in (AUTO, *vendors):
        return entry.value
    raise level.refuse_value(entry.name, entry.value, ", ".join((AUTO, *vendors)), "UnknownVendor")


def _names(key: Path, level: _OptionSource, vendors: Vendors) -> str:
    """The names that were likely meant: those of the vendor that was named, or those that are the same for all."""
    named = [name for name in vendors if "-".join(key).startswith(f"{fold(name)}-")]
    if named:
        vendor = max(named, key=len)
        separator = "-" if level.prefix else "."
        parameters = [fold(name) if level.prefix else name for name in vendors[vendor].parameters]
        return ", ".join(f"{level.prefix}{vendor}{separator}{name}" for name in parameters) or "none of this vendor's"
    names = [fold(name) if level.prefix else name for name in ("vendor", *ALLOWED)]
    own = "asr-<vendor>-<parameter>" if level.prefix else "an object per vendor"
    return f"{', '.join(level.prefix + name for name in names)}, and {own}"


def _cut(text: str) -> str:
    """Text for a message: not too long, and without the halves of characters that JSON may hold."""
    shown = text.encode("utf-8", "replace").decode()
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
