"""FLV, which some meeting recorders still write. Source: Adobe "Video File Format Specification" 10.1."""

from asrcore.core.audio import aac
from asrcore.core.audio.model import Audio, NotAudio, Sound
from asrcore.core.audio.mpeg import MP3
from asrcore.core.audio.source import ByteSource
from asrcore.messages import Message

MOST_TAGS = 64
AUDIO_TAG = 8
CODECS = {2: "mp3", 7: "pcm_alaw", 8: "pcm_mulaw", 10: "aac", 11: "speex", 14: "mp3"}
RATES_HZ = (5512, 11025, 22050, 44100)
TELEPHONE = (7, 8, 14)  # these codes mean 8 kHz, whatever the rate bits are


def parse_flv(source: ByteSource) -> Audio:
    """Describe the sound by its first tag; the last tag's time stamp is the length."""
    offset = source.unpack(">I", 5)[0] + 4
    for _ in range(MOST_TAGS):
        if offset >= source.size_bytes:
            break
        kind, *size = source.exactly(offset, 11)[:4]
        if kind == AUDIO_TAG and any(size):
            sound = _describe(source.exactly(offset + 11, 1)[0], source.peek(offset + 12, 9))
            return Audio(
                format="flv",
                codec=sound.codec,
                sample_rate_hz=sound.rate_hz,
                channels=sound.channels,
                duration_ms=_last_time_ms(source),
            )
        offset += 11 + int.from_bytes(bytes(size)) + 4
    raise NotAudio(Message("probe.no-sound", {"kind": "FLV"}))


def _describe(flags: int, data: bytes) -> Sound:
    code = flags >> 4
    rate_hz = 8000 if code in TELEPHONE else 16000 if code == 11 else RATES_HZ[flags >> 2 & 3]
    sound = Sound(CODECS.get(code, f"flv_{code}"), rate_hz, 2 if flags & 1 else 1)
    if sound.codec == "aac":
        return aac.refine(sound, data[1:])
    frame = MP3.parse(data, 0) if sound.codec == "mp3" else None  # the flags cannot express 48 kHz
    return sound if frame is None else Sound(frame.codec, frame.sample_rate_hz, frame.channels)


def _last_time_ms(source: ByteSource) -> int | None:
    tag_bytes = int.from_bytes(source.peek(source.size_bytes - 4, 4))
    stamp = source.peek(source.size_bytes - 4 - tag_bytes + 4, 4)
    return int.from_bytes(stamp[3:] + stamp[:3]) or None
