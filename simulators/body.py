"""Read a JSON request as a vendor does: an absent or invalid value is refused by one code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask import request

from simulators.checks import is_http_url
from simulators.server import RefusalError


def sent_fields() -> dict[str, object]:
    """Return the fields of the current request's JSON; none if it has no JSON object."""
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


@dataclass(frozen=True)
class JsonBody:
    """A JSON object, or a part of one. code: the vendor's for an invalid value. path: of the part."""

    fields: Mapping[str, object]
    code: str
    path: str = ""

    @classmethod
    def of_request(cls, code: str) -> "JsonBody":
        """Return the current request's body; raises RefusalError if it is no JSON object."""
        if not isinstance(request.get_json(force=True, silent=True), dict):
            raise RefusalError(code, "invalid parameters: the body is not a JSON object")
        return cls(sent_fields(), code)

    def part(self, name: str) -> "JsonBody":
        """Return an object within this one, empty if it is absent."""
        part = self.fields.get(name, {})
        if not isinstance(part, dict):
            raise self.refusal(name, "is an object")
        return JsonBody(part, self.code, f"{self.path}{name}.")

    def text(self, name: str) -> str:
        """Return a required string that is not empty."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.refusal(name, "is a string and required")
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if name in self.fields else None

    def url(self, name: str) -> str:
        """Return a required http or https address."""
        url = self.text(name)
        if not is_http_url(url):
            raise self.refusal(name, "is an http or https address")
        return url

    def url_or_none(self, name: str) -> str | None:
        return self.url(name) if name in self.fields else None

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a JSON boolean."""
        value = self.fields.get(name, default)
        if not isinstance(value, bool):
            raise self.refusal(name, "is a boolean")
        return value

    def number(self, name: str, default: int) -> int:
        """Return a JSON integer."""
        value = self.fields.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refusal(name, "is an integer")
        return value

    def refusal(self, name: str, problem: str) -> RefusalError:
        return RefusalError(self.code, f"invalid parameters: {self.path}{name} {problem}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)
