"""Tencent's cloud API: one path, two ways of signing, and one form of answers and errors for all actions.

Source: "Tencent one-sentence recognition": endpoint, authentication, common error codes.
"""

import base64
import binascii
import json
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from urllib.parse import parse_qsl

from flask import Flask, Response, request

from simulators.checks import whole_number
from simulators.server import Answer, RefusalError
from simulators.tencent_signature import Account, SignedCall, check_tc3, check_v1

CANONICAL_HOST = "asr.tencentcloudapi.com"
VERSION = "2019-06-14"
METHODS = ("GET", "POST")
OTHER_METHODS = ("PUT", "DELETE", "PATCH")
MAX_URL_LENGTH = 2048  # exclusive
COMMON_PARAMETERS = {"Action", "Version", "Region", "Token", "Language", "RequestClient"} | {
    "Timestamp",
    "Nonce",
    "SecretId",
    "Signature",
    "SignatureMethod",
}

MESSAGES = {
    "AuthFailure.SignatureFailure": "The provided credentials could not be validated. Please check your signature is "
    "correct.",
    "FailedOperation.NoSuchTask": "错误的TaskId。",
    "FailedOperation.UserHasNoFreeAmount": "资源包耗尽",
    "InvalidParameterValue.ErrorInvalidVoicedata": "Invalid audio file!",
    "RequestLimitExceeded": "Your current request times exceeds the limit.",
    "RequestLimitExceeded.UinLimitExceeded": "The request rate of your account exceeds the limit.",
}


class CloudApi:
    """Authenticates the calls on `/` for one account; credentials: `secret_id`, `secret_key`."""

    def __init__(
        self, credentials: Mapping[str, str], actions: Collection[str], wall_clock: Callable[[], float]
    ) -> None:
        self._account = Account(credentials["secret_id"], credentials["secret_key"], CANONICAL_HOST)
        self._actions = actions
        self._wall_clock = wall_clock
        self._seen: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def action(self, sent: Mapping[str, object]) -> str:
        """Return the action of an authenticated call; raises RefusalError."""
        if request.method not in METHODS:
            raise RefusalError("UnsupportedProtocol", "Only GET and POST are supported.")
        action, version = self._authenticated(sent)
        if action is None or action not in self._actions:
            raise RefusalError("InvalidAction", f"The action `{action}` is not known.")
        if version != VERSION:
            raise RefusalError("NoSuchVersion", f"The version `{version}` is not known.")
        return action

    def _authenticated(self, sent: Mapping[str, object]) -> tuple[str | None, str | None]:
        """Check the signature; return action and version, from the headers or parameters that have it."""
        if "Authorization" in request.headers:
            headers = {name.lower(): value for name, value in request.headers.items()}
            query = request.query_string.decode("latin-1")
            check_tc3(SignedCall(request.method, query, headers, request.get_data()), self._account, self._wall_clock())
            return headers.get("x-tc-action"), headers.get("x-tc-version")
        if "Signature" not in sent:
            raise RefusalError(
                "MissingParameter", "Neither an Authorization header nor the parameter `Signature` was sent."
            )
        signed = {name: str(value) for name, value in sent.items()}
        check_v1(request.method, request.host, signed, self._account, self._wall_clock())
        ticket = (signed["Timestamp"], signed["Nonce"])
        with self._lock:
            if ticket in self._seen:
                raise RefusalError("AuthFailure.SignatureFailure", "The nonce was used before.")
            self._seen.add(ticket)
        return signed.get("Action"), signed.get("Version")


def add_route(app: Flask, view: Callable[[], Response]) -> None:
    """Serve `/`, the path of every action."""
    app.add_url_rule("/", view_func=view, methods=[*METHODS, *OTHER_METHODS])


def is_textual() -> bool:
    """Return whether the current request has text values only, as queries and forms do."""
    return request.method == "GET" or request.mimetype == "application/x-www-form-urlencoded"


def sent_parameters() -> dict[str, object]:
    """Return the parameters of the current request, from query, form or body; raises RefusalError."""
    if is_textual():
        text = request.query_string if request.method == "GET" else request.get_data()
        try:
            return dict(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict"))
        except ValueError:
            raise RefusalError("InvalidParameter.ErrorParsequest", "The parameters are not readable.") from None
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusalError("InvalidParameter.ErrorParsequest", "The body is not a JSON object.")
    return body


def logged_parameters() -> Mapping[str, object]:
    """Return the parameters of the current request and its action; empty if they are not readable."""
    try:
        return {"Action": request.headers.get("X-TC-Action"), **sent_parameters()}
    except RefusalError:
        return {}


def refusal(code: str, message: str | None) -> Answer:
    """Return the answer for an error, which has HTTP 200 too."""
    text = message or MESSAGES.get(code, f"The request failed with {code}.")
    return answer(code, {"Error": {"Code": code, "Message": text}})


def answer(code: str, response: Mapping[str, object], task_id: str | None = None) -> Answer:
    """Return an answer with a new request id, which is its id in the request log unless there is a task."""
    request_id = str(uuid.uuid4())
    log_id = None if "Error" in response else task_id or request_id
    return Answer(code, {"Response": {**response, "RequestId": request_id}}, log_id)


def missing(name: str) -> RefusalError:
    return RefusalError("MissingParameter", f"The request is missing the parameter `{name}`.")


def sent_audio(sent: Mapping[str, object], *, max_bytes: int, undecodable: str, wrong_length: str) -> bytes:
    """Return the audio in `Data`; `undecodable` and `wrong_length` are the action's codes for these errors."""
    for name in ("Data", "DataLen"):
        if name not in sent:
            raise missing(name)
    try:
        data = base64.b64decode(str(sent["Data"]), validate=True)
    except (binascii.Error, ValueError):
        raise RefusalError(undecodable, "`Data` is base64 without line breaks.") from None
    if len(data) != whole_number(sent["DataLen"]):
        raise RefusalError(wrong_length, "`DataLen` is the number of bytes before base64.")
    if len(data) > max_bytes:
        raise RefusalError("RequestSizeLimitExceeded", f"The audio has more than {max_bytes} bytes.")
    return data
