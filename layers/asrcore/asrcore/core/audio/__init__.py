"""The properties of a recording, read from its first and last kilobytes: format, codec, rate, channels and length.

The content decides, never the file name. `probe` asks for byte ranges and reads at most 768 KiB of any file, however
long or hostile, in at most 16 requests. Almost every file takes one to three requests of 64 KiB (see `source`). The
exceptions are compressed streams that carry no length anywhere (raw AAC, AMR, AC-3, DTS, MP3 without a Xing header): up
to 512 KiB they are counted frame by frame, in one request more; beyond that their length is an estimate from samples of
32 KiB, 4 of them when the bit rate is constant and 12 when it is not. The estimate is good to 2 %, and worse (up to
20 % seen) where digital silence alternates with sound, because silent frames take next to no bytes. Long fragmented
MP4s, transport streams and chained Oggs may take a few requests more, too.

No header decides the length alone. Where frames are counted, or all of one size, or listed in an index, their number
times their length is the truth, to 2 %. Elsewhere the first frames give a bit rate, and the header is believed within a
factor of `model.SAMPLED` of what the file holds at that rate. Sample rates count from 4 to 384 kHz. An AVI and a
transport stream are bounded by no frames: no vendor accepts them, and their conversion measures the length.

A file that ends before its header says, or holds more, is described as what is there; `Audio.warnings` say so.
"""

from asrcore.core.audio.model import Audio, NotAudio, with_measured_length
from asrcore.core.audio.probe import probe

__all__ = ["Audio", "NotAudio", "probe", "with_measured_length"]
