"""CallbackFunction: vendors' callbacks, at signed URLs."""

from typing import Any

from asrcore.aws import connect
from asrcore.callback import receive, refuse, refuse_other
from asrcore.events import callback_request, other_callback_method
from asrcore.log import LOG

SERVICES = connect()


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Handle a callback; respond to one that could not be stored so that the vendor sends it again."""
    if method := other_callback_method(event):
        return refuse_other(method).as_event()
    callback = callback_request(event)
    try:
        answer = receive(callback, SERVICES)
    except Exception:  # noqa: BLE001 - a plain failure would reach the vendor as a response that may read as an acknowledgement
        LOG.exception("callback not stored")
        answer = refuse(callback.vendor, SERVICES)
    return answer.as_event()
