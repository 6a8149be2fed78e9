"""Failures of single items, collected so that every item of an event is tried before the invocation fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from asrcore.log import LOG

Item = TypeVar("Item")


class SomeFailedError(Exception):
    """Some items of one event failed, after all were tried. Handling the event again is harmless for the others."""


class Failures(Generic[Item]):
    """Collects the items whose handling fails, and raises once at the end.

    Attributes:
        items: those that failed, in order.
    """

    def __init__(self, message: str) -> None:
        """message: what is logged of each failure."""
        self.items: list[Item] = []
        self._message = message
        self._reasons: list[str] = []

    @contextmanager
    def collect(self, item: Item, name: str) -> Iterator[None]:
        """Log and keep whatever exception the block raises. name: of the item, for people."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a failure of one item must not stop the others
            LOG.exception(self._message, item=name)
            self.items.append(item)
            # A name may hold line ends, and Lambda writes the message into the log as it is.
            self._reasons.append(repr(f"{name}: {type(error).__name__}: {error}"))

    def raise_if_any(self) -> None:
        """Raise SomeFailedError with the reason of each failure."""
        if self._reasons:
            raise SomeFailedError("; ".join(self._reasons))
