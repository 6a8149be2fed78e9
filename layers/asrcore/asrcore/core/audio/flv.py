"""FLV, which some meeting recorders still write. Source: Adobe "Video File Format Specification" 10.1."""

from asrcore.core.audio import aac
from asrcore.core.audio.model import SAMPLED, Audio, NotAudio, Sound, bounded, to_ms
from asrcore.core.audio.mpeg import MP3
from asrcore.core.audio.source import BLOCK_BYTES, ByteSource
from asrcore.messages import Message

MOST_TAGS = 64
AUDIO_TAG, VIDEO_TAG = 8, 9
CODECS = {2: "mp3", 7: "pcm_alaw", 8: "pcm_mulaw", 10: "aac", 11: "speex", 14: "mp3"}
RATES_HZ = (5512, 11025, 22050, 44100)
TELEPHONE = (7, 8, 14)  # these codes mean 8 kHz, whatever the rate bits are


def parse_flv(source: ByteSource) -> Audio:
    """Describe the sound by its first tag; the last tag's time stamp is the length."""
    offset = source.unpack(">I", 5)[0] + 4
    has_video = False  # by its tags: the header's flag may be set without any
    for _ in range(MOST_TAGS):
        if offset >= source.size_bytes:
            break
        kind, *size = source.exactly(offset, 11)[:4]
        if kind == AUDIO_TAG and any(size):
            sound = _describe(source.exactly(offset + 11, 1)[0], source.peek(offset + 12, 9))
            audio = Audio(
                format="flv",
                codec=sound.codec,
                sample_rate_hz=sound.rate_hz,
                channels=sound.channels,
                duration_ms=_last_time_ms(source),
            )
            usual_ms = None if has_video else _usual_ms(source, offset, sound)
            return bounded(audio, usual_ms, least=SAMPLED, most=SAMPLED)
        has_video = has_video or kind == VIDEO_TAG
        offset += 11 + int.from_bytes(bytes(size)) + 4
    raise NotAudio(Message("probe.no-sound", {"kind": "FLV"}))


def _usual_ms(source: ByteSource, start: int, sound: Sound) -> int | None:
    """Return the length of the file at the rate of its first frames of sound.

    None for a codec without known frames, and where frames of video are among them.
    """
    data = source.peek(start, BLOCK_BYTES)
    at = tags = 0
    while at + 11 <= len(data):
        if data[at] == VIDEO_TAG:
            return None
        tags += data[at] == AUDIO_TAG
        at += 11 + int.from_bytes(data[at + 1 : at + 4]) + 4
    if not (tags and sound.frame_samples and sound.rate_hz):
        return None
    return to_ms(tags * sound.frame_samples / sound.rate_hz * (source.size_bytes - start) / at, 1)


def _describe(flags: int, data: bytes) -> Sound:
    code = flags >> 4
    rate_hz = 8000 if code in TELEPHONE else 16000 if code == 11 else RATES_HZ[flags >> 2 & 3]
    sound = Sound(CODECS.get(code, f"flv_{code}"), rate_hz, 2 if flags & 1 else 1)
    if sound.codec == "aac":
        return aac.refine(sound, data[1:])
    frame = MP3.parse(data, 0) if sound.codec == "mp3" else None  # the flags cannot express 48 kHz
    if frame is None:
        return sound
    return Sound(frame.codec, frame.sample_rate_hz, frame.channels, frame_samples=frame.samples)


def _last_time_ms(source: ByteSource) -> int | None:
    tag_bytes = int.from_bytes(source.peek(source.size_bytes - 4, 4))
    stamp = source.peek(source.size_bytes - 4 - tag_bytes + 4, 4)
    return int.from_bytes(stamp[3:] + stamp[:3]) or None
