"""Find the cause of a failure in its message, where the code says only that something failed.

Vendors write these messages for people, in Chinese or English, and publish no list. The patterns are from replies. A
message that matches none leaves the code its own meaning.
"""

from asrcore.vendors import asr, error_hints

NO_DOWNLOAD = asr.Code(
    asr.CodeKind.RETRY, asr.Message("meaning.vendor-could-not-download-recording"), error_hints.DOWNLOAD
)
TRACKS = asr.Code(
    asr.CodeKind.BAD_AUDIO,
    asr.Message("meaning.number-tracks-not-declared"),
    asr.Message("advice.convert-to-mono"),
    asr.AudioConstraint.CHANNELS,
)
TOO_LONG = asr.Code(
    asr.CodeKind.BAD_AUDIO,
    asr.Message("meaning.recording-too-long"),
    asr.Message("advice.split-or-long-vendor"),
    asr.AudioConstraint.LENGTH,
)
TOO_SHORT = asr.Code(
    asr.CodeKind.BAD_AUDIO,
    asr.Message("meaning.recording-too-short"),
    asr.Message("advice.longer-or-short-vendor"),
    asr.AudioConstraint.SHORTNESS,
)
# The first match counts: a failed download is not about the format that its message may name.
_CAUSES = (
    (("下载", "download"), NO_DOWNLOAD),
    (("过长", "太长", "too long"), TOO_LONG),
    (("过短", "太短", "too short"), TOO_SHORT),
    (
        ("过大", "太大", "too large"),
        asr.Code(
            asr.CodeKind.BAD_AUDIO,
            asr.Message("meaning.recording-too-large"),
            asr.Message("advice.compress-or-split"),
            asr.AudioConstraint.SIZE,
        ),
    ),
    (("音轨", "声道", "tracks", "number of channels"), TRACKS),
    (
        (
            "格式",
            "解码",
            "转码",
            "文件无效",
            "audio format",
            "file format",
            "unsupported format",
            "decode",
            "invalid audio",
        ),
        asr.Code(asr.CodeKind.BAD_AUDIO, asr.Message("meaning.vendor-cannot-use-audio-as"), error_hints.CONVERT),
    ),
)
# A message with one of these words is about the request, whose format it may name.
_OF_THE_CALL = ("参数", "请求", "parameter", "request")


def cause(message: str) -> asr.Code | None:
    """Return the cause that a message names; None for an unknown cause."""
    text = message.lower()
    if any(part in text for part in _OF_THE_CALL):
        return None
    return next((known for parts, known in _CAUSES if any(part in text for part in parts)), None)
