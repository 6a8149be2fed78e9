"""What a recording is, read from its first and last kilobytes: format, codec, rate, channels and length.

The content decides, never the file name. `probe` asks for byte ranges and reads at most 768 KiB of any file, however
long or hostile. Almost every file takes one to three requests of 64 KiB (see `source`). The exceptions are compressed
streams that carry no length anywhere (raw AAC, AMR, MP3 without a Xing header): up to 512 KiB they are counted frame by
frame, in one request more; beyond that their length is an estimate from samples of 8 KiB, 4 of them when the bit rate
is constant and 64 when it is not. The estimate is good to some 2 %, and worse (up to 20 % seen) where digital silence
alternates with sound, because silent frames take next to no bytes.
"""

from asrcore.core.audio.model import Audio, NotAudio
from asrcore.core.audio.probe import probe

__all__ = ["Audio", "NotAudio", "probe"]
