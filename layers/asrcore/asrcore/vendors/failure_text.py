"""What the message of a failure says of its cause, where the code says only that something failed.

Vendors write these messages for people, in Chinese or English, and publish no list. What is matched was seen in
replies; a message that matches nothing leaves the code its own meaning.
"""

from asrcore.core.errors import Trait
from asrcore.core.vendor import Code, Kind
from asrcore.vendors import advice

# The first that fits counts: a download that failed says nothing of the format that its message may name.
_CAUSES = (
    (("下载", "download"), Code(Kind.RETRY, "the vendor could not download the recording", advice.DOWNLOAD)),
    (
        ("音轨", "声道", "number of channels"),
        Code(Kind.BAD_AUDIO, "the number of channels does not fit", advice.CONVERT, Trait.CHANNELS),
    ),
    (
        ("过长", "太长", "too long"),
        Code(Kind.BAD_AUDIO, "the recording is too long", "Split it into shorter parts.", Trait.LENGTH),
    ),
    (
        ("过大", "太大", "too large"),
        Code(Kind.BAD_AUDIO, "the recording is too large", "Compress it to MP3, or split it.", Trait.SIZE),
    ),
    (
        ("格式", "解码", "audio format", "decode audio"),
        Code(Kind.BAD_AUDIO, "the vendor cannot use the audio as it is", advice.CONVERT),
    ),
)
# A message with one of these is about the call, whose form it may name.
_OF_THE_CALL = ("参数", "请求")


def cause(message: str) -> Code | None:
    """Return the cause that a failure's message names; None where it names none that is known."""
    text = message.lower()
    if any(part in text for part in _OF_THE_CALL):
        return None
    return next((known for parts, known in _CAUSES if any(part in text for part in parts)), None)
