"""Bounded, cached random access to the bytes of one object.

Every byte a parser sees comes through a `Source`. It fetches aligned blocks of 64 KiB and keeps them, so that the small
reads of a parser become few ranged requests: one for a WAV, FLAC or WMA, two for an MP3 with cover art, an Ogg or an
MP4 with its index at the end. A budget of
bytes and of requests ends the reading of files made to be read for ever.
"""

import struct
from collections.abc import Callable
from typing import Any

from asrcore.core.audio.model import NotAudio
from asrcore.messages import Message

BLOCK_BYTES = 64 * 1024
BUDGET_BYTES = 12 * BLOCK_BYTES
MOST_READS = 16

Read = Callable[[int, int], bytes]


class ByteSource:
    """One object: its size and its bytes.

    read: (offset, length) -> the bytes there, fewer only at the end; what it raises (a failed request) passes through.
    """

    def __init__(self, read: Read, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._read = read
        self._blocks: dict[int, bytes] = {}
        self._left_bytes = BUDGET_BYTES
        self._left_reads = MOST_READS

    def reads_left(self, length: int) -> int:
        """Return how many more requests of `length` bytes the budget allows."""
        return min(self._left_reads, self._left_bytes // length)

    def window(self, offset: int, length: int) -> bytes:
        """Return the bytes at `offset`, fewer at the end of the object; one request unless a block holds them.

        Raises NotAudio once the budget is spent.
        """
        length = min(length, self.size_bytes - offset)
        if offset < 0 or length <= 0:
            return b""
        cached = self._blocks.get(offset // BLOCK_BYTES, b"")[offset % BLOCK_BYTES :][:length]
        if len(cached) == length:
            return cached
        if not self.reads_left(length):
            raise NotAudio(
                Message("probe.header-too-large", {"most_kib": BUDGET_BYTES // 1024, "most_places": MOST_READS})
            )
        self._left_bytes -= length
        self._left_reads -= 1
        return self._read(offset, length)[:length]

    def peek(self, offset: int, length: int) -> bytes:
        """Return the bytes at `offset`, fewer at the end of the object; cached. `length` is at most a few blocks."""
        if offset < 0:
            return b""
        first, last = offset // BLOCK_BYTES, (offset + max(length, 1) - 1) // BLOCK_BYTES
        joined = b"".join(self._block(index) for index in range(first, last + 1))
        start = offset - first * BLOCK_BYTES
        return joined[start : start + length]

    def exactly(self, offset: int, length: int) -> bytes:
        """Return the bytes at `offset`, all of them. Raises NotAudio (TruncatedAudio) if the object ends before."""
        found = self.peek(offset, length)
        if len(found) < length:
            raise NotAudio(Message("probe.ends-in-header", {"size_bytes": self.size_bytes}), code="TruncatedAudio")
        return found

    def unpack(self, layout: str, offset: int) -> tuple[Any, ...]:
        """Return the fields of a `struct` layout. Raises NotAudio (TruncatedAudio) if the object ends before."""
        return struct.unpack(layout, self.exactly(offset, struct.calcsize(layout)))

    def _block(self, index: int) -> bytes:
        if index not in self._blocks:
            self._blocks[index] = self.window(index * BLOCK_BYTES, BLOCK_BYTES)
        return self._blocks[index]
