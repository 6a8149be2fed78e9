"""Fetch a remote recording, for a vendor that accepts no URL.

Only public addresses are connected to, which is checked again at each redirect. Size and time are limited, and nothing
is unpacked.
"""

import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urljoin

from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass
from asrcore.core.remote_recordings import RemoteUrl, parse_remote_url
from asrcore.messages import Message
from asrcore.net.deadline import Deadline
from asrcore.net.public_connection import PrivateAddressError, connect

FETCH_LIMIT_S = 30.0  # for the whole fetch, redirects included
MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_READ_BYTES = 64 * 1024
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "asrcore"}


def fetch(
    url: str,
    at_most_bytes: int,
    *,
    local: bool = False,
    limit_s: float = FETCH_LIMIT_S,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """Return the whole content of a remote recording.

    Args:
        url: the address that the caller gave; `parse_remote_url` says what is allowed.
        at_most_bytes: the largest size that the vendor accepts.
        local: whether plain http and private addresses are allowed, as on the local stack.
        limit_s: seconds for the whole fetch, redirects included.
        tls: trusted certificates other than Mozilla's.

    Returns:
        The content, at most `at_most_bytes` bytes.

    Raises:
        AsrError: class bad_audio for content that is too large or not found, config for an address that is not allowed
            or redirects to such a one, retry when the server does not answer in time. No message contains the address.
    """
    try:
        with Deadline(limit_s) as deadline:
            for _ in range(MOST_REDIRECTS + 1):
                link = parse_remote_url(url, local=local)
                with closing(_connect(link, deadline, tls, local=local)) as connection:
                    connection.request("GET", link.target, headers=_HEADERS)
                    with connection.getresponse() as response:
                        body = b"" if response.status in _REDIRECTS else _body(response, at_most_bytes)
                        if deadline.passed:  # a body that was cut off may look complete
                            raise TimeoutError
                        if response.status not in _REDIRECTS:
                            return body
                        url = urljoin(link.url, response.getheader("location", ""))
    except PrivateAddressError:
        raise AsrError(ErrorClass.CONFIG, "LinkRefused", Message("LinkRefused")) from None
    except (OSError, HTTPException, ValueError) as error:
        silent = Message("LinkFailed.no-answer", {"limit_s": f"{limit_s:g}", "error": type(error).__name__})
        raise AsrError(ErrorClass.RETRY, "LinkFailed", silent) from None
    reason = Message("LinkFailed.redirects", {"most": MOST_REDIRECTS})
    raise AsrError(ErrorClass.BAD_AUDIO, "LinkFailed", reason, constraint=AudioConstraint.CONTENT)


def _body(response: HTTPResponse, at_most_bytes: int) -> bytes:
    if response.status != 200:
        error_class = ErrorClass.RETRY if response.status >= 500 else ErrorClass.BAD_AUDIO
        reason = Message("LinkFailed.status", {"status": response.status})
        raise AsrError(error_class, "LinkFailed", reason, constraint=AudioConstraint.CONTENT)
    body = bytearray()
    while chunk := response.read1(_READ_BYTES):
        body += chunk
        if len(body) > at_most_bytes:
            reason = Message("LinkTooLarge", {"most_bytes": at_most_bytes})
            raise AsrError(ErrorClass.BAD_AUDIO, "LinkTooLarge", reason, constraint=AudioConstraint.SIZE)
    if response.length:
        raise HTTPException("the body is shorter than its Content-Length")
    return bytes(body)


def _connect(link: RemoteUrl, deadline: Deadline, tls: ssl.SSLContext | None, *, local: bool) -> HTTPConnection:
    return connect(link.host, link.port, deadline, is_https=link.is_https, local=local, tls=tls)
