"""Standard output and error of a command."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class ClosedPipeStream:
    """A text stream whose reader may stop reading, like `head`: what is written after that is dropped without error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_discarded = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def has_reader(self) -> bool:
        """Whether what is written can still be read. A pipe's reader may stop reading before anything is written."""
        watched = select.poll()
        watched.register(self._stream.fileno(), 0)  # errors alone: the other end was closed
        return not self._is_discarded and not watched.poll(0)

    def write(self, text: str) -> int:
        """Write text."""
        with self._unless_closed():
            self._stream.write(text)
        return len(text)

    def write_utf8(self, text: str) -> None:
        """Write text in UTF-8 with its own line ends, whatever the encoding of the stream."""
        with self._unless_closed():
            self._stream.flush()
            self._stream.buffer.write(text.encode())

    def flush(self) -> None:
        """Write what is buffered."""
        with self._unless_closed():
            self._stream.flush()

    @contextmanager
    def _unless_closed(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._discard()

    def _discard(self) -> None:
        """Redirect the stream to no file, so that the interpreter's last flush does not fail either."""
        self._is_discarded = True
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
