"""The one place that speaks HTTP to vendors: a request is sent once, as it was signed, with limits of time and size."""

import logging
import time

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from asrcore.core.errors import AsrError, ErrorClass, NoAnswerError
from asrcore.core.vendor import Reply, Request

CONNECT_TIMEOUT_S = 5
BODY_TIMEOUT_S = 30  # on top of the time to the first byte: 5 hours of word times are a few MB
LARGEST_REPLY_BYTES = 64 * 1024 * 1024
READ_BYTES = 64 * 1024

# Its warnings and debug lines quote the URL of the request, which is signed and may have another signed one in it.
logging.getLogger("urllib3").setLevel(logging.ERROR)


def send(request: Request) -> Reply:
    """The vendor's reply, whatever its status. Redirects are not followed, and nothing is ever sent twice.

    Raises NoAnswerError with code Timeout, ConnectionFailed or ReplyTooLarge; AsrError(config) with BadRequest when the
    base URL or the credentials cannot be put into a request. The message never has the URL, which may be signed.
    """
    deadline = time.monotonic() + CONNECT_TIMEOUT_S + request.read_timeout_s + BODY_TIMEOUT_S
    try:
        with requests.Session() as session:
            # Prepared without the session, which would replace the signature by a password from a .netrc file.
            prepared = requests.Request(
                request.method, request.url, headers=dict(request.headers), data=request.body or None
            ).prepare()
            surroundings = session.merge_environment_settings(prepared.url, {}, True, None, None)
            timeout = (CONNECT_TIMEOUT_S, request.read_timeout_s)
            with session.send(prepared, **surroundings, timeout=timeout, allow_redirects=False) as response:
                body = _read(response, deadline)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, body, headers)
    except (requests.Timeout, ReadTimeoutError):
        raise _failure("Timeout", f"the vendor did not answer within {request.read_timeout_s:g} s") from None
    except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidHeader, ValueError):
        message = (
            "the request could not be written: check the vendor's base URL, and its credentials for stray characters"
        )
        raise AsrError(ErrorClass.CONFIG, "BadRequest", message) from None
    except (requests.RequestException, HTTPError, OSError) as error:
        raise _failure("ConnectionFailed", f"the connection to the vendor failed ({type(error).__name__})") from None


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body, taken as it arrives, so that a vendor that drips it meets the deadline too."""
    body = bytearray()
    while chunk := response.raw.read1(READ_BYTES, decode_content=True):
        body += chunk
        if len(body) > LARGEST_REPLY_BYTES:
            raise _failure("ReplyTooLarge", f"the vendor's reply is larger than {LARGEST_REPLY_BYTES} bytes")
        if time.monotonic() > deadline:
            raise _failure("Timeout", "the vendor's reply did not end in time")
    return bytes(body)


def _failure(code: str, what: str) -> NoAnswerError:
    return NoAnswerError(ErrorClass.RETRY, code, f"{what}; if it persists, check the vendor's base URL and the network")
