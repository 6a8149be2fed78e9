"""Conversion from Amazon S3 to Amazon S3: reads ranges, writes parts, and keeps a few of either in memory."""

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass
from asrcore.core.form import Form
from asrcore.core.transcript import Source
from asrcore.messages import Message
from asrcore.ports import ConvertedRecording

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CompleteMultipartUploadOutputTypeDef,
        PutObjectOutputTypeDef,
    )

FIRST_BYTES = 256 * 1024  # of a range after a seek: demuxers seek to a container's index and back
NEXT_BYTES = 4 * 1024 * 1024  # of a range that follows another
KEPT_RANGES = 4
LONGEST_MINUTES = 15  # that AWS Lambda gives
PART_BYTES = 8 * 1024 * 1024  # S3 accepts 10,000 parts: 80 GB

_Read = Callable[[Source, int, int], bytes]


class S3Converter:
    """The port `Converter`. client: a boto3 `s3` client.  read: returns a range, as `S3Recordings.read` does."""

    def __init__(self, client: "S3Client", read: _Read) -> None:
        self._client = client
        self._read = read

    def convert(
        self, source: Source, key: str, form: Form, track: int, is_late: Callable[[], bool]
    ) -> ConvertedRecording:
        """Convert a recording and store the result under `key` in the same bucket.

        Args:
            source: the recording.
            key: the result's key; an existing object is replaced.
            form: the format to convert to.
            track: index of the audio track to convert.
            is_late: returns whether the function's time is nearly over.

        Raises:
            AsrError: class bad_audio, code ConversionFailed for a recording that cannot be decoded, ConversionTooLong
                for one that needs more time than the function has; or as `S3Recordings.look_up` raises it.
        """
        from asrcore.media.transcode import Transcoder, UndecodableError  # noqa: PLC0415 - only ConvertFunction has PyAV

        transcoder = Transcoder(io.BufferedReader(RangeReader(source, self._read)), form, track)
        upload = MultipartUpload(self._client, source.bucket, key)
        try:
            for chunk in transcoder.chunks():
                upload.write(chunk)
                if is_late():
                    raise _too_long(form)
            stored = upload.finish(transcoder.header)
        except UndecodableError as error:
            reason = Message("ConversionFailed", {"reason": error.reason})
            raise AsrError(
                ErrorClass.BAD_AUDIO, "ConversionFailed", reason, constraint=AudioConstraint.CONTENT
            ) from error
        finally:
            upload.abort()
        size_bytes = len(transcoder.header) + transcoder.data_bytes
        made = Source(bucket=source.bucket, key=key, size_bytes=size_bytes, **stored)
        return ConvertedRecording(made, form.audio(transcoder.duration_ms))


class RangeReader(io.RawIOBase):
    """A recording as a seekable file. It reads large ranges in sequence, and a small one after a seek."""

    def __init__(self, source: Source, read: _Read) -> None:
        super().__init__()
        self._source = source
        self._read = read
        self._position = 0
        self._ranges: OrderedDict[int, bytes] = OrderedDict()  # by their offset, the last used at the end

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from one range and return the number of bytes, 0 at the end."""
        if self._position >= self._source.size_bytes:
            return 0
        begin, held = self._range()
        piece = held[self._position - begin :][: len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _range(self) -> tuple[int, bytes]:
        for begin, held in self._ranges.items():
            if begin <= self._position < begin + len(held):
                self._ranges.move_to_end(begin)
                return begin, held
        follows = any(begin + len(held) == self._position for begin, held in self._ranges.items())
        later = [begin for begin in self._ranges if begin > self._position]
        length = min(
            NEXT_BYTES if follows else FIRST_BYTES, min(later, default=self._source.size_bytes) - self._position
        )
        held = self._read(self._source, self._position, length)
        if not held:
            raise OSError(f"no bytes at {self._position} of {self._source.size_bytes}")
        self._ranges[self._position] = held
        if len(self._ranges) > KEPT_RANGES:
            self._ranges.popitem(last=False)
        return self._position, held


class MultipartUpload:
    """An object that is written in pieces, its header last. Call `finish`, and `abort` in any case."""

    def __init__(self, client: "S3Client", bucket: str, key: str) -> None:
        self._client = client
        self._where: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._first = b""  # kept until the header is known
        self._held = bytearray()
        self._upload_id = ""
        self._etags: dict[int, str] = {}

    def write(self, chunk: bytes) -> None:
        """Append a piece."""
        self._held += chunk
        if len(self._held) >= PART_BYTES:
            self._send()

    def finish(self, header: bytes) -> dict[str, str]:
        """Store `header` and all pieces. Return the `etag` and, in a versioned bucket, the `version_id`."""
        answer: PutObjectOutputTypeDef | CompleteMultipartUploadOutputTypeDef
        if not self._upload_id:
            body = header + self._first + self._held
            answer = self._client.put_object(**self._where, Body=body)
        else:
            self._put_part(1, header + self._first)
            if self._held:
                self._put_part(len(self._etags) + 1, bytes(self._held))
            parts: list[CompletedPartTypeDef] = [
                {"PartNumber": number, "ETag": self._etags[number]} for number in sorted(self._etags)
            ]
            answer = self._client.complete_multipart_upload(
                **self._where, UploadId=self._upload_id, MultipartUpload={"Parts": parts}
            )
            self._upload_id = ""
        version = {"version_id": answer["VersionId"]} if "VersionId" in answer else {}
        return {"etag": answer["ETag"].strip('"'), **version}

    def abort(self) -> None:
        """Delete the parts of an upload that was not finished."""
        if self._upload_id:
            self._client.abort_multipart_upload(**self._where, UploadId=self._upload_id)

    def _send(self) -> None:
        if not self._first:
            self._first, self._held = bytes(self._held), bytearray()
            return
        if not self._upload_id:
            self._upload_id = self._client.create_multipart_upload(**self._where)["UploadId"]
        self._put_part(len(self._etags) + 2, bytes(self._held))
        self._held = bytearray()

    def _put_part(self, number: int, body: bytes) -> None:
        answer = self._client.upload_part(**self._where, UploadId=self._upload_id, PartNumber=number, Body=body)
        self._etags[number] = answer["ETag"]


def _too_long(form: Form) -> AsrError:
    reason = Message("ConversionTooLong", {"minutes": LONGEST_MINUTES, "form": form.in_words()})
    return AsrError(ErrorClass.BAD_AUDIO, "ConversionTooLong", reason, constraint=AudioConstraint.CONTENT)
