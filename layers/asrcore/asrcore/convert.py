"""The conversion of a recording into a form that its vendor accepts, before it is submitted.

Job and form determine the key of the result: a repetition, after a crash or beside another invocation, writes the same
again, and the first one that is recorded on the job counts.
"""

from collections.abc import Callable

from asrcore.core.errors import AsrError
from asrcore.core.form import Form, converted_key
from asrcore.core.job import Job, StoredConversion
from asrcore.core.step import Step, end_of_deleted
from asrcore.log import LOG
from asrcore.messages import Message, Param
from asrcore.services import JobDeletedError, Services

RESERVE_MS = 20_000  # of the invocation's time, kept to record that it was not enough


def convert(job_id: str, services: Services, remaining_ms: Callable[[], int]) -> Step:
    """Run the state machine's convert step.

    Args:
        job_id: of the job.
        services: the stack's services.
        remaining_ms: returns the milliseconds that this invocation has left.

    Returns:
        The job's next step. A failure is recorded on the job, and its submit step ends the job. FAILED, which ends the
        execution, when the job's row was deleted.
    """
    try:
        job = services.load_job(job_id)
        if job.awaits_conversion and job.form is not None:
            job = _convert(job, job.form, services, lambda: remaining_ms() < RESERVE_MS)
    except JobDeletedError:
        return end_of_deleted(job_id)
    return services.next_step(job)


def _convert(job: Job, form: Form, services: Services, is_late: Callable[[], bool]) -> Job:
    track = job.options.audio_track or 1
    began = services.now()
    try:
        made = services.converter.convert(job.source, converted_key(job.job_id, form), form, track, is_late)
    except AsrError as error:
        LOG.warning("conversion failed", form=form.name, code=error.code)
        failure = error
        return services.update_job(job.job_id, lambda job: job.conversion_failed(form, failure, services.now()))
    now = services.now()
    conversion = StoredConversion(
        form=form.name,
        track=track,
        audio=made.audio,
        size_bytes=made.source.size_bytes,
        source=made.source,
        compute_ms=round((now - began).total_seconds() * 1000),
    )
    LOG.info("converted", form=form.name, size_bytes=conversion.size_bytes, compute_ms=conversion.compute_ms)

    return services.update_job(job.job_id, lambda job: job.conversion_completed(conversion, _warning(job, form), now))


def _warning(job: Job, form: Form) -> Message:
    audio = job.planned_audio
    params: dict[str, Param] = {
        "vendor": job.attempt.vendor,
        "codec": audio.codec,
        "format": audio.format,
        "form": form.in_words(),
    }
    return Message("warning.converted", params)
