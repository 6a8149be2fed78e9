"""What a recording is, read from its first and last kilobytes: format, codec, rate, channels and length.

The content decides, never the file name. `probe` asks for byte ranges and reads at most 768 KiB of any file, however
long or hostile. Almost every file takes one to three requests of 64 KiB (see `source`); the exceptions are
compressed streams that carry no length anywhere (raw AAC, AMR, MP3 without a Xing header): up to 0.5 MiB they are
counted frame by frame, in one request more; beyond that they are sampled, with 4 small requests when the
bit rate is constant and 68 when it is not.
"""

from asrcore.core.audio.model import Audio, NotAudio
from asrcore.core.audio.probe import probe

__all__ = ["Audio", "NotAudio", "probe"]
