"""GET /jobs/{job_id}/transcript: the transcript of exactly this job, in the response or by a redirect."""

import gzip
from dataclasses import dataclass, field

from asrcore.api.models import TranscriptFormat
from asrcore.api.problems import NoRecordingError, NotEndedError, NoTranscriptError
from asrcore.core.errors import AsrError
from asrcore.core.job import Job, Status
from asrcore.core.remote_recordings import safe_name
from asrcore.core.transcript import Transcript
from asrcore.messages import Message, Param
from asrcore.ports import JSON, StoredObject
from asrcore.services import Services

# AWS Lambda answers at most 6 MB, and bytes travel as base64 in it.
LARGEST_ANSWER_BYTES = 5_500_000


@dataclass(frozen=True)
class Content:
    """The content of a response: a file, or its URL.

    Attributes:
        content_type: of the file.
        body: the file, packed by gzip if is_packed.
        is_packed: whether it is.
        lasting: what the tag of the response covers: the file without a page's address of the recording, which is
            another one in each response.
        location: the URL, instead of a file.
    """

    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    is_packed: bool = False
    lasting: bytes = field(default=b"", repr=False)
    location: str = field(default="", repr=False)


@dataclass(frozen=True)
class FileOptions:
    """How a caller wants .srt, .vtt or .txt.

    Attributes:
        bom: begin .srt and .txt with a byte order mark.
        crlf: end lines with CR LF.
        max_line: the width of a subtitle's line in columns; a Chinese character has two.
        lines: the lines of a subtitle, 1 or 2.
    """

    bom: bool = False
    crlf: bool = False
    max_line: int = 42
    lines: int = 2


AS_EXPORTED = FileOptions()


def transcript(
    job: Job,
    form: TranscriptFormat,
    services: Services,
    *,
    inline: bool,
    takes_gzip: bool,
    options: FileOptions = AS_EXPORTED,
    with_address: bool = True,
) -> Content:
    """Return a job's transcript. A format that was not exported is rendered now.

    Args:
        job: of the transcript.
        form: of the transcript. A page is in the response itself if it fits, and plays the recording.
        services: the stack's services.
        inline: in the response itself, if it fits; otherwise by a redirect.
        takes_gzip: whether the caller accepts gzip.
        options: how the file is written; if not as exported, it is rendered now and in the response itself. Neither
            json nor html has options.
        with_address: of the recording, in a page; a caller that requests addresses itself needs none.

    Raises:
        NotEndedError: the job has not ended.
        NoTranscriptError: the job failed, its transcript was deleted, or it has not this format.
    """
    kept = _kept(job, services)
    if form is TranscriptFormat.JSON:
        if inline and (content := _fitting(services.transcripts.read(kept), JSON, takes_gzip=takes_gzip)):
            return content
        return Content(location=services.transcripts.presign(kept, download_name(job, ".json")))
    if form is not TranscriptFormat.HTML and options != AS_EXPORTED:
        return _rendered(kept, form, services, options, takes_gzip=takes_gzip)
    return _export(job, kept, form, services, inline=inline, takes_gzip=takes_gzip, with_address=with_address)


def read_whole(job: Job, form: TranscriptFormat, services: Services) -> bytes:
    """Return a job's transcript of any size, for callers who read the bucket themselves; a page has no recording.

    Raises:
        NotEndedError: the job has not ended.
        NoTranscriptError: the job failed, its transcript was deleted, or it has not this format.
    """
    from asrcore.render import FORMATS  # noqa: PLC0415 - a route does without

    kept = _kept(job, services)
    if form is TranscriptFormat.JSON:
        return services.transcripts.read(kept)
    stored = services.transcripts.find(kept.key.removesuffix(".json") + FORMATS[form].extension, job.source)
    return services.transcripts.read(stored) if stored else _made_now(kept, form, services, AS_EXPORTED)


def read_playable_page(job: Job, services: Services) -> bytes:
    """Return the page of a job's transcript, with the recording's presigned URL. Raises what `read_whole` raises."""
    return _with_recording(read_whole(job, TranscriptFormat.HTML, services), job, services)


def _kept(job: Job, services: Services) -> StoredObject:
    if not job.finished:
        raise NotEndedError(Message("NotEnded", {"status": job.status, "job_id": job.job_id}))
    if job.status is Status.FAILED or job.transcript_key is None:
        if job.error is None:
            raise NoTranscriptError(Message("NoTranscript.failed"))
        why: dict[str, Param] = {"code": job.error.code, "reason": job.error.reason}
        raise NoTranscriptError(Message("NoTranscript.failed-with", why))
    kept = services.transcripts.find(job.transcript_key, job.source)
    if kept is None:
        raise NoTranscriptError(Message("NoTranscript.deleted"))
    return kept


def _export(
    job: Job,
    kept: StoredObject,
    form: TranscriptFormat,
    services: Services,
    *,
    inline: bool,
    takes_gzip: bool,
    with_address: bool,
) -> Content:
    from asrcore.render import FORMATS  # noqa: PLC0415 - only this route needs it

    made = FORMATS[form]
    stored = services.transcripts.find(kept.key.removesuffix(".json") + made.extension, job.source)
    is_page = form is TranscriptFormat.HTML
    if stored is None or inline or is_page:
        lasting = services.transcripts.read(stored) if stored else _made_now(kept, form, services, AS_EXPORTED)
        body = _with_recording(lasting, job, services) if is_page and with_address else lasting
        if content := _fitting(body, made.content_type, takes_gzip=takes_gzip, lasting=lasting):
            return content
    if stored is None:
        raise _too_large(form)
    return Content(location=services.transcripts.presign(stored, download_name(job, made.extension)))


def _rendered(
    kept: StoredObject, form: TranscriptFormat, services: Services, options: FileOptions, *, takes_gzip: bool
) -> Content:
    from asrcore.render import FORMATS  # noqa: PLC0415 - only this route needs it

    body = _made_now(kept, form, services, options)
    content = _fitting(body, FORMATS[form].content_type, takes_gzip=takes_gzip)
    if content is None:
        raise _too_large(form)
    return content


def _too_large(form: TranscriptFormat) -> NoTranscriptError:
    return NoTranscriptError(Message("NoTranscript.too-large", {"format": form.value}))


def _made_now(kept: StoredObject, form: TranscriptFormat, services: Services, options: FileOptions) -> bytes:
    from asrcore.render import CueSize, Exports  # noqa: PLC0415 - only this route needs it

    size = CueSize(options.max_line, options.lines)
    exports = Exports(Transcript.model_validate_json(services.transcripts.read(kept)), size)
    if form not in exports.formats:
        raise NoTranscriptError(Message("NoTranscript.no-times", {"format": form.value, "formats": [*exports.formats]}))
    return exports.write(form, crlf=options.crlf, bom=options.bom)


def _with_recording(page: bytes, job: Job, services: Services) -> bytes:
    """Return the page with an address of the recording in it, unless there is none."""
    from asrcore.api.recordings import recording_address  # noqa: PLC0415 - only this format needs it
    from asrcore.render import with_recording  # noqa: PLC0415 - only this format needs it

    try:
        return with_recording(page, recording_address(job, services).url)
    except (AsrError, NoRecordingError):
        return page


def _fitting(body: bytes, content_type: str, *, takes_gzip: bool, lasting: bytes = b"") -> Content | None:
    packed = gzip.compress(body, 6, mtime=0) if takes_gzip else body
    if len(packed) > LARGEST_ANSWER_BYTES * 3 // 4:
        return None
    return Content(content_type, packed, is_packed=takes_gzip, lasting=lasting or body)


def download_name(job: Job, extension: str) -> str:
    """Return the recording's own name and an extension: two recordings may differ by their extension only."""
    return f"{safe_name(job.source.key) or job.job_id}{extension}"
