"""SubmitFunction: creates jobs by S3's event, by request and by backfill, and runs submit steps."""

from typing import Any

from asrcore.aws import connect
from asrcore.backfill import handle_batch
from asrcore.cancellation import withdraw_removed
from asrcore.events import backfill_event, is_s3_test, new_objects, removed_objects, request_event, step_event
from asrcore.job_creation import handle_new_objects, handle_request
from asrcore.log import LOG
from asrcore.submit import submit

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any] | None:
    """Handle an S3 notification; return the next step of a request, a backfill step or a submit step."""
    if is_s3_test(event):
        return None
    if "action" not in event:
        handle_new_objects(new_objects(event), SERVICES)
        withdraw_removed(removed_objects(event), SERVICES)
        return None
    if batch := backfill_event(event):
        return handle_batch(batch, SERVICES).envelope()
    if request := request_event(event):
        return handle_request(request, SERVICES).envelope()
    step = step_event(event)
    LOG.append_keys(job_id=step.job_id)
    return submit(step.job_id, SERVICES).envelope()
