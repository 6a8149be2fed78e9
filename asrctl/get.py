"""`get` and `open`: a job's transcript as a file, and in the browser."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from asrcore.api.models import TranscriptFormat
from asrcore.api.problems import NotEndedError, NoTranscriptError
from asrcore.api.transcripts import download_name, read_playable_page, read_whole
from asrcore.core.job import Job
from asrcore.messages import Message
from asrctl.find import find_job
from asrctl.formatting import quote_name
from asrctl.result import CommandResult, ExactText, OperatorError
from asrctl.shapes import GetShape, OpenShape
from asrctl.stack import DeployedStack


def get(stack: DeployedStack, reference: str, form: str | None, output: Path | None) -> CommandResult[GetShape]:
    """Return a job's transcript, or write it to a file.

    Args:
        stack: the stack of the job.
        reference: of `find_job`.
        form: a format; None for that of the file's extension, else txt.
        output: the file, or a folder, where it gets the recording's name; None to return the content.

    Raises:
        OperatorError: there is no such job, it has no transcript, or the file cannot be written.
    """
    job = find_job(reference, stack)
    chosen = TranscriptFormat(form or _format_of(output))
    content = _read(job, lambda: read_whole(job, chosen, stack.services))
    data = GetShape(job_id=job.job_id, key=job.source.key, format=chosen, file=None, content=None)
    if output is None:
        text = content.decode()
        return CommandResult(data.model_copy(update={"content": text}), content=text)
    file = output / download_name(job, f".{chosen}") if output.is_dir() else output
    _write(file, content)
    written = Message("cli.get.written", {"file": quote_name(str(file))})
    return CommandResult(data.model_copy(update={"file": str(file)}), [written])


def open_job(stack: DeployedStack, reference: str, browse: Callable[[str], None]) -> CommandResult[OpenShape]:
    """Open a job on the jobs page; without one, open its transcript as a file, from which the recording plays.

    Args:
        stack: the stack of the job.
        reference: of `find_job`.
        browse: opens an address.

    Raises:
        OperatorError: there is no such job, or no page and no transcript.
    """
    job = find_job(reference, stack)
    url = f"{stack.jobs_page_url}#/jobs/{job.job_id}" if stack.jobs_page_url else _as_file(job, stack).as_uri()
    browse(url)
    return CommandResult(OpenShape(job_id=job.job_id, url=url), [ExactText(url)])


def _format_of(file: Path | None) -> str:
    extension = file.suffix.removeprefix(".").lower() if file else ""
    return extension if extension in list(TranscriptFormat) else TranscriptFormat.TXT


def _read(job: Job, read: Callable[[], bytes]) -> bytes:
    """Read a transcript. Raises OperatorError when there is none."""
    try:
        return read()
    except NotEndedError as error:
        raise OperatorError(Message("cli.get.not_ended", {"job": job.job_id, "status": job.status})) from error
    except NoTranscriptError as error:
        raise OperatorError(Message("cli.get.none", {"job": job.job_id, "reason": error.reason})) from error


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise OperatorError(f"{quote_name(str(file))}: {error.strerror}") from error


def _as_file(job: Job, stack: DeployedStack) -> Path:
    """Write the page of a transcript to a temporary file that only this user can read: it can play the recording."""
    page = _read(job, lambda: read_playable_page(job, stack.services))
    with tempfile.NamedTemporaryFile(prefix="asrctl-", suffix=".html", delete=False) as file:
        file.write(page)
    return Path(file.name)
