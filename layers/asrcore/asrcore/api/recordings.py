"""GET /jobs/{job_id}/recording: an address from which a page plays a job's recording."""

from asrcore.api.models import RecordingAddress
from asrcore.api.problems import NoRecordingError
from asrcore.core.errors import OBJECT_NOT_FOUND, OBJECT_REPLACED, AsrError
from asrcore.core.job import Job
from asrcore.core.remote_recordings import is_remote
from asrcore.messages import Message
from asrcore.services import Services

LIFETIME_S = 900  # the page requests another address before this one expires


def recording_address(job: Job, services: Services) -> RecordingAddress:
    """Return an address of the version of the recording that was transcribed.

    Raises:
        NoRecordingError: it was deleted, or it is remote: its address may be secret, and no page has it.
        AsrError: S3 does not return it, as when it is archived.
    """
    if is_remote(job.source.key):
        raise NoRecordingError(Message("NoRecording.remote"))
    try:
        source = services.recordings.look_up(job.source).source
    except AsrError as error:
        if error.code not in {OBJECT_NOT_FOUND, OBJECT_REPLACED}:
            raise
        raise NoRecordingError(error.reason) from None
    return RecordingAddress(url=services.recordings.presign(source, LIFETIME_S), expires_in_s=LIFETIME_S)
