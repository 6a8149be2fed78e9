"""ApiFunction: the HTTP API for programs and for the jobs page."""

from typing import Any

from asrcore.api.routes import Api
from asrcore.aws import connect
from asrcore.log import LOG

API = Api(connect())


@LOG.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; a request that fails gets a problem document."""
    return API.answer(event, context)
