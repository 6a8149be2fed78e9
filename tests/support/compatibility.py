"""Whether a JSON Schema still says all that an earlier one said: fields may be added, nothing else may change.

Both directions count. A document of last year must satisfy today's schema, and a reader who was written last year must
understand today's document: so a type or an enumeration may become neither narrower nor wider, a field that was always
there stays so, and a field that is new cannot be one that every document must have.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def breaks(earlier: Schema, later: Schema) -> list[str]:
    """What an earlier reader or document would stumble over, as `where: what`; nothing if all is well."""
    return list(_Comparison(earlier, later).of(earlier, later, "$"))


class _Comparison:
    def __init__(self, earlier: Schema, later: Schema) -> None:
        self._earlier, self._later = earlier, later

    def of(self, earlier: Schema, later: Schema, where: str) -> Iterator[str]:
        before, after = _kinds(earlier, self._earlier), _kinds(later, self._later)
        if lost := sorted(before.keys() - after.keys()):
            yield f"{where}: narrowed, no longer {' or '.join(lost)}"
        if gained := sorted(after.keys() - before.keys()):
            yield f"{where}: widened, now {' or '.join(gained)} too"
        for kind in before.keys() & after.keys():
            yield from self._of_kind(before[kind], after[kind], where)

    def _of_kind(self, before: Schema, after: Schema, where: str) -> Iterator[str]:
        yield from _values(before, after, where)
        yield from self._fields(before, after, where)
        for name in ("items", "additionalProperties"):
            mine, theirs = before.get(name), after.get(name)
            if isinstance(mine, dict) and isinstance(theirs, dict):
                yield from self.of(mine, theirs, f"{where}.*")
            elif mine != theirs:
                yield f"{where}: {name} was {mine} and is {theirs}"

    def _fields(self, before: Schema, after: Schema, where: str) -> Iterator[str]:
        mine, theirs = before.get("properties", {}), after.get("properties", {})
        for name in mine:
            if name not in theirs:
                yield f"{where}.{name}: removed"
            else:
                yield from self.of(mine[name], theirs[name], f"{where}.{name}")
        was, is_now = set(before.get("required", [])), set(after.get("required", []))
        yield from (f"{where}.{name}: no longer always there" for name in sorted((was - is_now) & theirs.keys()))
        yield from (f"{where}.{name}: every document must have it now" for name in sorted(is_now - was))


def _kinds(schema: Schema, root: Schema) -> dict[str, Schema]:
    """What a value may be, by JSON type."""
    if reference := schema.get("$ref"):
        return _kinds(root["$defs"][reference.removeprefix("#/$defs/")], root)
    if alternatives := schema.get("anyOf"):
        return {kind: each for option in alternatives for kind, each in _kinds(option, root).items()}
    return {schema.get("type", "anything"): schema}


def _values(before: Schema, after: Schema, where: str) -> Iterator[str]:
    allowed, now = _allowed(before), _allowed(after)
    if lost := sorted(allowed - now):
        yield f"{where}: narrowed, no longer {' or '.join(lost)}"
    if gained := sorted(now - allowed):
        yield f"{where}: widened, now {' or '.join(gained)} too"
    for name in ("format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"):
        if before.get(name) != after.get(name):
            yield f"{where}: {name} was {before.get(name)} and is {after.get(name)}"


def _allowed(schema: Schema) -> set[str]:
    return {str(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else ["any value"])}
