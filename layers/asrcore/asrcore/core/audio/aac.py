"""How AAC describes itself wherever it is wrapped: the tables, and AudioSpecificConfig. Source: ISO/IEC 14496-3."""

from dataclasses import replace

from asrcore.core.audio.model import Sound

RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
FRAME_SAMPLES = 1024  # twice as many where HE-AAC doubles the rate
CHANNELS = (None, 1, 2, 3, 4, 5, 6, 8)  # by channel configuration; 0: defined inside the stream
SPREAD, PARAMETRIC_STEREO, ESCAPE = 5, 29, 31  # object types: HE-AAC, HE-AAC version 2, one that needs more bits
LOSSLESS = 36 - 32  # in the six bits behind ESCAPE: MPEG-4 ALS
SYNC_EXTENSION = 0x2B7


def refine(sound: Sound, config: bytes) -> Sound:
    """Return the sound of an AudioSpecificConfig. HE-AAC doubles the rate; the doubled one is that of the sound."""
    bits = int.from_bytes(config[:8].ljust(8, b"\0"))
    object_type, rate_index, channel_index = bits >> 59, bits >> 55 & 15, bits >> 51 & 15
    frame_samples = FRAME_SAMPLES
    if object_type in (SPREAD, PARAMETRIC_STEREO):
        rate_index, frame_samples = bits >> 47 & 15, 2 * FRAME_SAMPLES
    elif bits >> 32 & 0xFFFF == SYNC_EXTENSION << 5 | SPREAD and bits >> 31 & 1:
        rate_index, frame_samples = bits >> 27 & 15, 2 * FRAME_SAMPLES
    if object_type == ESCAPE and bits >> 53 & 63 == LOSSLESS:
        return replace(sound, codec="als")
    if object_type == ESCAPE or rate_index >= len(RATES_HZ):
        return sound
    channels = CHANNELS[channel_index] if channel_index < len(CHANNELS) else None
    if object_type == PARAMETRIC_STEREO:
        channels = 2  # one channel is coded, two are decoded
    rate_hz = RATES_HZ[rate_index]
    return replace(sound, rate_hz=rate_hz, channels=channels or sound.channels, frame_samples=frame_samples)
