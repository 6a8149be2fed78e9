"""The one place that speaks HTTP to vendors: a request is sent once, as it was signed, with limits of time and size.

Whoever answers may be anybody: a broken proxy, a hijacked name, a vendor that was broken into. So the whole exchange
has a time limit and not only each read, what is packed is unpacked a little at a time, and nobody sends us elsewhere.
"""

import logging
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

from asrcore.core.errors import AsrError, ErrorClass, NoAnswerError
from asrcore.core.vendor import CONNECT_TIMEOUT_S, HttpReply, HttpRequest
from asrcore.net.deadline import Deadline, DeadlineAdapter, PublicAddressError

LARGEST_REPLY_BYTES = 24 * 1024 * 1024
READ_BYTES = 64 * 1024
# One layer at most: a kilobyte in several layers unpacks to more than a processor gets through in a day.
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})

# Its warnings and debug lines quote the URL of the request, which is signed and may have another signed one in it.
logging.getLogger("urllib3").setLevel(logging.ERROR)


def send(request: HttpRequest) -> HttpReply:
    """The vendor's reply, whatever its status. Redirects are not followed, and nothing is ever sent twice.

    Takes `longest_s` of the request at most, from when the name is looked up. A ByteStream is read while it is sent; an
    AsrError that it raises is raised on. Raises NoAnswerError with code Timeout, ConnectionFailed, ReplyTooLarge or
    UnknownEncoding; AsrError(config) with BadRequest when the base URL or the credentials cannot be put into a request,
    and with ClearText when plain http leads to a public address. The message never has the URL, which may be signed.
    """
    deadline = Deadline(request.longest_s)
    with requests.Session() as session:
        session.mount("https://", DeadlineAdapter(deadline))
        session.mount("http://", DeadlineAdapter(deadline, private_only=True))
        prepared, adapter, surroundings = _prepare(request, session)
        try:
            with deadline, adapter.send(prepared, **surroundings) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                reply = HttpReply(response.status_code, _read(response), headers)
        except PublicAddressError:
            message = "the vendor's base URL begins with http:// and leads to a public address: give one with https://"
            raise AsrError(ErrorClass.CONFIG, "ClearText", message) from None
        except (requests.Timeout, ReadTimeoutError):
            raise _failure("Timeout", f"the vendor did not answer within {request.read_timeout_s:g} s") from None
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if not deadline.passed:
                what = f"the connection to the vendor failed ({type(error).__name__})"
                raise _failure("ConnectionFailed", what) from None
    if deadline.passed:  # also where nothing was raised: cut off, a body of untold length looks complete
        raise _failure("Timeout", "the vendor's reply did not end in time")
    return reply


def _prepare(request: HttpRequest, session: requests.Session) -> tuple[requests.PreparedRequest, BaseAdapter, Any]:
    """The request as it will be sent, by what, and with which time limits, certificates and proxies."""
    try:
        headers: Mapping[str, bytes] = {name: value.encode("latin-1") for name, value in request.headers.items()}
        # Prepared without the session, which would replace the signature by a password from a .netrc file, and sent
        # without it: even when it is not to follow a redirect, it reads all that comes with one.
        prepared = requests.Request(request.method, request.url, headers=headers, data=request.body or None).prepare()
        adapter = session.get_adapter(prepared.url or "")
    except (requests.RequestException, ValueError):
        message = (
            "the request could not be written: check the vendor's base URL, and its credentials for stray characters"
        )
        raise AsrError(ErrorClass.CONFIG, "BadRequest", message) from None
    surroundings = session.merge_environment_settings(prepared.url, {}, True, None, None)
    if not (prepared.url or "").startswith("https://"):
        surroundings["proxies"] = {}  # a proxy could be anywhere, and hides where the request goes
    return prepared, adapter, {**surroundings, "timeout": (CONNECT_TIMEOUT_S, request.read_timeout_s)}


def _read(response: requests.Response) -> bytes:
    """The body, taken as it arrives and unpacked no further than it is asked for."""
    if response.headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
        raise _failure("UnknownEncoding", "the vendor's reply is packed in a way that nobody asked for")
    body = bytearray()
    while chunk := response.raw.read1(READ_BYTES, decode_content=True):
        body += chunk
        if len(body) > LARGEST_REPLY_BYTES:
            raise _failure("ReplyTooLarge", f"the vendor's reply is larger than {LARGEST_REPLY_BYTES} bytes")
    return bytes(body)


def _failure(code: str, what: str) -> NoAnswerError:
    return NoAnswerError(ErrorClass.RETRY, code, f"{what}; if it persists, check the vendor's base URL and the network")
