"""MPEG transport streams: television, cameras (.mts, .m2ts), recorded live streams.

Sources: ISO/IEC 13818-1 (packets, tables, PES), ETSI EN 300 468 and ETSI TS 101 154 (descriptors of television).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from asrcore.core.audio.frames import Frame
from asrcore.core.audio.model import Audio, NotAudio, Sound, to_ms
from asrcore.core.audio.mpeg import ADTS, MP3
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.core.audio.surround import AC3, DTS
from asrcore.messages import Message

SYNC = 0x47
PACKET_BYTES = 188
STRIDES = (188, 192)  # cameras put a time of 4 bytes before each packet
SYNCS = 3  # in a row make a chance hit impossible where the first is at the start, else twice as many
NEAR_BLOCKS, FAR_BLOCKS = 1, 4  # the tables and the last sound are mostly in one block, in much video not
CLOCK_HZ, CLOCK_BITS = 90_000, 33
TABLE_PID, MAP_TABLE = 0, 2
PES_HEAD_BYTES = 14  # to the end of the first time stamp
PRIVATE = 6  # a stream that its descriptors name
STREAM_CODECS = {0x03: "mp2", 0x04: "mp2", 0x0F: "aac", 0x11: "aac_latm", 0x81: "ac3", 0x82: "dts", 0x87: "eac3"}
CAMERA_CODECS = {0x80: "pcm_bluray", 0x83: "truehd", 0x84: "eac3", 0x85: "dts", 0x86: "dts"}  # of Blu-ray and AVCHD
DESCRIPTOR_CODECS = {0x6A: "ac3", 0x7A: "eac3", 0x7B: "dts", 0x7C: "aac"}
REGISTERED, REGISTERED_CODECS = 5, {b"Opus": "opus", b"AC-3": "ac3", b"EAC3": "eac3", b"DTS1": "dts", b"DTS2": "dts"}
FRAMINGS = {"mp2": MP3, "aac": ADTS, "ac3": AC3, "eac3": AC3, "dts": DTS}


@dataclass(frozen=True)
class Packet:
    """One packet of one stream: its payload, and whether a table or a PES packet begins in it."""

    pid: int
    is_start: bool
    payload: bytes


@dataclass(frozen=True)
class Grid:
    """Where the packets of a file begin."""

    first: int
    stride: int

    def packets(self, source: ByteSource, start: int, end: int) -> Iterator[Packet]:
        """Yield the whole packets between two offsets, up to the first place where there is none."""
        offset = start + (self.first - start) % self.stride
        data = source.peek(offset, end - offset)
        for at in range(0, len(data) - PACKET_BYTES + 1, self.stride):
            head = data[at : at + 5]
            if head[0] != SYNC:
                return
            # Bits 5 and 4 of byte 3: an adaptation field comes first; there is a payload.
            begin = 5 + head[4] if head[3] & 0x20 else 4
            payload = data[at + begin : at + PACKET_BYTES] if head[3] & 0x10 and begin < PACKET_BYTES else b""
            yield Packet((head[1] & 0x1F) << 8 | head[2], bool(head[1] & 0x40), payload)


def find_grid(source: ByteSource) -> Grid | None:
    """Return where the packets begin; None where the file is no transport stream."""
    data = source.peek(0, 2 * SYNCS * max(STRIDES))
    for stride in STRIDES:
        for first in range(stride):
            syncs = SYNCS if first in (0, stride - PACKET_BYTES) else 2 * SYNCS
            if data[first : first + syncs * stride : stride] == bytes([SYNC]) * syncs:
                return Grid(first, stride)
    return None


def parse_mpegts(source: ByteSource, grid: Grid) -> Audio:
    """Describe the first sound stream; the length is what its time stamps span."""
    streams: list[tuple[int, Sound | None]] = []
    for blocks in (NEAR_BLOCKS, FAR_BLOCKS):
        packets = list(grid.packets(source, 0, blocks * BLOCK_BYTES))
        streams = _streams(packets, STREAM_CODECS if grid.stride == PACKET_BYTES else STREAM_CODECS | CAMERA_CODECS)
        sounds = [(pid, sound) for pid, sound in streams if sound]
        begun = [_Sounding(packets, *each) for each in sounds[:1]]
        if (streams and not sounds) or (begun and begun[0].times):
            break
    if not streams:
        raise NotAudio(Message("probe.tracks-not-described", {"kind": "MPEG-TS"}))
    if not begun:
        raise NotAudio(Message("probe.no-sound", {"kind": "MPEG-TS"}))
    sounding = begun[0]
    return Audio(
        format="mpegts",
        codec=sounding.sound.codec,
        sample_rate_hz=sounding.sound.rate_hz,
        channels=sounding.sound.channels or None,
        duration_ms=_span_ms(source, grid, sounding),
    )


def _streams(packets: list[Packet], codecs: dict[int, str]) -> list[tuple[int, Sound | None]]:
    """Return the streams of the first program, each with its sound if it has one; empty where no table is found."""
    programs = _table(packets, TABLE_PID)
    # A program and where its map is, 4 bytes each; program 0 is the network.
    maps = [int.from_bytes(programs[at + 2 : at + 4]) & 0x1FFF for at in range(8, len(programs) - 7, 4)]
    table = next((found for pid in maps if (found := _table(packets, pid)) and found[0] == MAP_TABLE), b"")
    streams: list[tuple[int, Sound | None]] = []
    at = 12 + (int.from_bytes(table[10:12]) & 0xFFF)
    while at + 5 <= len(table) - 4:
        kind, pid, size = table[at], int.from_bytes(table[at + 1 : at + 3]) & 0x1FFF, _size(table, at + 3)
        streams.append((pid, _identify(kind, codecs, dict(_descriptors(table[at + 5 : at + 5 + size])))))
        at += 5 + size
    return streams


def _table(packets: list[Packet], pid: int) -> bytes:
    """Return the first table of a PID, which is in one packet in recordings; empty without one."""
    for packet in packets:
        if packet.pid == pid and packet.is_start and packet.payload:
            table = packet.payload[1 + packet.payload[0] :]
            return table[: 3 + _size(table, 1)] if len(table) >= 12 else b""
    return b""


def _size(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2]) & 0xFFF


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(data):
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]


def _identify(kind: int, codecs: dict[int, str], descriptors: dict[int, bytes]) -> Sound | None:
    if kind in codecs:
        return Sound(codecs[kind], None, 0)
    registered = REGISTERED_CODECS.get(descriptors.get(REGISTERED, b"")[:4])
    if kind != PRIVATE:
        return None
    if registered == "opus":
        channels = descriptors.get(0x7F, b"")[1:2]  # behind the number of this extension
        return Sound("opus", 48000, channels[0] if channels and 0 < channels[0] <= 8 else 0)
    codec = registered or next((codec for tag, codec in DESCRIPTOR_CODECS.items() if tag in descriptors), None)
    return Sound(codec, None, 0) if codec else None


class _Sounding:
    """The packets of one sound stream: what its first frame says, its time stamps, and the sound after the last one."""

    def __init__(self, packets: list[Packet], pid: int, sound: Sound) -> None:
        self.pid = pid
        own = [packet for packet in packets if packet.pid == pid and packet.payload]
        starts = [at for at, packet in enumerate(own) if packet.is_start and len(packet.payload) >= PES_HEAD_BYTES]
        self.times = list(_times(own))
        self._framing = FRAMINGS.get(sound.codec)
        frames = self._frames(own[starts[0] :]) if starts else []
        self.sound = Sound(frames[0].codec, frames[0].sample_rate_hz, frames[0].channels) if frames else sound
        last = self._frames(own[starts[-1] :]) if starts else []
        self.after_last_s = sum(frame.samples / frame.sample_rate_hz for frame in last)

    def _frames(self, packets: list[Packet]) -> list[Frame]:
        """Return the frames of packets of which the first begins a PES packet, and with it a frame."""
        data = b"".join(p.payload[9 + p.payload[8] :] if p.is_start else p.payload for p in packets)
        found, offset = list[Frame](), 0
        while self._framing and (frame := self._framing.parse(data, offset)):
            found.append(frame)
            offset += frame.size_bytes
        return found


def _times(packets: list[Packet]) -> Iterator[int]:
    """Yield the presentation times of a stream, in ticks of its clock."""
    for packet in packets:
        head = packet.payload[:PES_HEAD_BYTES]
        if packet.is_start and len(head) == PES_HEAD_BYTES and head[:3] == b"\0\0\1" and head[7] & 0x80:
            yield (head[9] >> 1 & 7) << 30 | (int.from_bytes(head[10:12]) >> 1) << 15 | int.from_bytes(head[12:14]) >> 1


def _span_ms(source: ByteSource, grid: Grid, sounding: _Sounding) -> int | None:
    """Return the time from the first time stamp to the end of the sound after the last; the clock may run over."""
    if not sounding.times:
        return None
    for blocks in (NEAR_BLOCKS, FAR_BLOCKS):
        start = max(0, (source.size_bytes // BLOCK_BYTES - blocks) * BLOCK_BYTES)
        end = _Sounding(list(grid.packets(source, start, source.size_bytes)), sounding.pid, sounding.sound)
        if end.times:
            span = (end.times[-1] - sounding.times[0]) % (1 << CLOCK_BITS)
            return to_ms(span / CLOCK_HZ + end.after_last_s, 1)
    return None
