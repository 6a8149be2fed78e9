"""Measure SILK, the format of WeChat's voice messages, which FFmpeg does not decode, by its number of frames.

Source: the SILK SDK's file layout (a header, then packets of 20 ms, each behind its size).
"""

from typing import IO

HEADERS = (b"#!SILK_V3", b"\x02#!SILK_V3")  # the second is WeChat's
PACKET_MS = 20
END = 0xFFFF


def length_ms(file: IO[bytes]) -> int | None:
    """Return the length of an open SILK file, counting its complete packets; None for another file, rewound."""
    file.seek(0)
    start = file.read(max(map(len, HEADERS)))
    header = next((header for header in HEADERS if start.startswith(header)), None)
    if header is None:
        file.seek(0)
        return None
    file.seek(len(header))
    packets = 0
    while (size := int.from_bytes(file.read(2), "little")) not in (0, END):
        if len(file.read(size)) < size:
            break
        packets += 1
    return packets * PACKET_MS
