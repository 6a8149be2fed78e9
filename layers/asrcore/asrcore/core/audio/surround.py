"""Sound of films and television without a container: AC-3, E-AC-3 and DTS.

Sources: ETSI TS 102 366 (AC-3, and E-AC-3 in its annex E), ETSI TS 102 114 (DTS).
"""

from dataclasses import replace

from asrcore.core.audio.frames import Frame, Framing, measure_s
from asrcore.core.audio.model import Audio, Sound, to_ms
from asrcore.core.audio.source import ByteSource

AC3_SYNC, DTS_SYNC = b"\x0b\x77", b"\x7f\xfe\x80\x01"
AC3_RATES_HZ = (48000, 44100, 32000)
AC3_CHANNELS = (2, 1, 2, 3, 3, 4, 4, 5)  # by audio coding mode, without the channel of low frequencies
AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
EAC3_BLOCKS = (1, 2, 3, 6)
BLOCK_SAMPLES = 256
AC3_SAMPLES = 6 * BLOCK_SAMPLES  # of a frame, and of the frames that an MP4 lists as one
DTS_RATES_HZ = {
    1: 8000,
    2: 16000,
    3: 32000,
    6: 11025,
    7: 22050,
    8: 44100,
    11: 12000,
    12: 24000,
    13: 48000,
}
DTS_CHANNELS = (1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 6, 7, 8, 8)  # by channel arrangement
DTS_HD_SYNC = b"\x64\x58\x20\x25"


def refine_ac3(box: bytes, sound: Sound) -> Sound:
    """Return the rate and channels of AC-3's own box in an MP4 (dac3)."""
    bits = int.from_bytes(box[:3])
    return _refine(sound, bits >> 22, bits >> 11 & 7, bits >> 10 & 1) if len(box) >= 3 else sound


def refine_eac3(box: bytes, sound: Sound) -> Sound:
    """Return the rate and channels of E-AC-3's own box in an MP4 (dec3): of its first substream."""
    bits = int.from_bytes(box[2:5])
    return _refine(sound, bits >> 22, bits >> 9 & 7, bits >> 8 & 1) if len(box) >= 5 else sound


def _refine(sound: Sound, rate_index: int, mode: int, low_frequencies: int) -> Sound:
    if rate_index >= len(AC3_RATES_HZ):
        return sound
    return replace(sound, rate_hz=AC3_RATES_HZ[rate_index], channels=AC3_CHANNELS[mode] + low_frequencies)


def _parse_ac3(data: bytes, offset: int) -> Frame | None:
    head = data[offset : offset + 7]
    if len(head) < 7 or head[:2] != AC3_SYNC:
        return None
    return _plain_frame(head) if head[5] >> 3 <= 10 else _enhanced_frame(head)


def _plain_frame(head: bytes) -> Frame | None:
    rate_index, size_index = head[4] >> 6, head[4] & 63
    if rate_index >= len(AC3_RATES_HZ) or size_index >= 2 * len(AC3_KBPS):
        return None
    rate_hz, kbps = AC3_RATES_HZ[rate_index], AC3_KBPS[size_index >> 1]
    words = kbps * 96000 // rate_hz + (size_index & 1 if rate_hz == 44100 else 0)
    mode = head[6] >> 5
    # Before the bit of the low frequencies: how to mix the centre, the surround channels, and Dolby Surround.
    skipped = 2 * (mode & 1 and mode != 1) + 2 * bool(mode & 4) + 2 * (mode == 2)
    channels = AC3_CHANNELS[mode] + (head[6] >> (4 - skipped) & 1)
    return Frame(2 * words, AC3_SAMPLES, "ac3", rate_hz, channels, kbps)


def _enhanced_frame(head: bytes) -> Frame | None:
    is_dependent, rate_index, block_index = head[2] >> 6 == 1, head[4] >> 6, head[4] >> 4 & 3
    if head[5] >> 3 > 16 or (rate_index == 3 and block_index == 3):
        return None
    rate_hz = AC3_RATES_HZ[block_index] // 2 if rate_index == 3 else AC3_RATES_HZ[rate_index]
    blocks = 6 if rate_index == 3 else EAC3_BLOCKS[block_index]
    size_bytes = 2 * ((head[2] & 7) << 8 | head[3]) + 2
    channels = AC3_CHANNELS[head[4] >> 1 & 7] + (head[4] & 1)
    samples = 0 if is_dependent else blocks * BLOCK_SAMPLES  # more channels of the same time
    return Frame(size_bytes, samples, "eac3", rate_hz, channels)


def _parse_dts(data: bytes, offset: int) -> Frame | None:
    head = data[offset : offset + 12]
    bits = int.from_bytes(head)
    rate_hz = DTS_RATES_HZ.get(bits >> 26 & 15)
    size_bytes = (bits >> 36 & 0x3FFF) + 1
    if len(head) < 12 or head[:4] != DTS_SYNC or rate_hz is None or size_bytes < 96:
        return None
    arrangement = bits >> 30 & 63
    channels = DTS_CHANNELS[arrangement] if arrangement < len(DTS_CHANNELS) else 2
    has_low_frequencies = bits >> 9 & 3 in (1, 2)
    samples = 32 * ((bits >> 50 & 0x7F) + 1)
    size_bytes += _extension_bytes(data[offset + size_bytes : offset + size_bytes + 10])
    return Frame(size_bytes, samples, "dts", rate_hz, channels + has_low_frequencies)


def _extension_bytes(head: bytes) -> int:
    """Return the size of DTS-HD's addition to a frame; 0 where there is none."""
    if len(head) < 10 or not head.startswith(DTS_HD_SYNC):
        return 0
    bits = int.from_bytes(head)
    has_long_sizes = bits >> 37 & 1
    return (bits >> 5 & 0xFFFFF if has_long_sizes else bits >> 13 & 0xFFFF) + 1


AC3 = Framing(_parse_ac3, sync=AC3_SYNC, chain=4)
DTS = Framing(_parse_dts, sync=DTS_SYNC, chain=4)


def parse_surround(source: ByteSource, framing: Framing) -> Audio | None:
    """Describe a file that begins with a frame of this kind; None where no frames follow."""
    data = source.peek(0, 2**16)
    first = framing.parse(data, 0)
    if first is None or framing.find(data, 0, 1, at_end=len(data) == source.size_bytes) is None:
        return None
    seconds = measure_s(source, framing, 0)
    return Audio(
        format=first.codec,
        codec=first.codec,
        sample_rate_hz=first.sample_rate_hz,
        channels=first.channels,
        duration_ms=None if seconds is None else to_ms(seconds, 1),
    )
