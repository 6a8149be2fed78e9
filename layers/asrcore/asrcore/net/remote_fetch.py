"""What lies at an address that somebody gave us: fetched when a vendor needs the bytes, and never from inside.

Only public addresses are connected to, for each redirect anew. Size and time are bounded, and nothing is unpacked.
"""

import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urljoin

from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass
from asrcore.core.remote_recordings import RemoteUrl, parse_remote_url
from asrcore.net.deadline import Deadline
from asrcore.net.public_connection import PrivateAddressError, connect

FETCH_LIMIT_S = 30.0  # for all of it, redirects included
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
    """What is at an address, whole. local: as for `parse_remote_url`; this machine may be asked then.

    Raises AsrError, whose message never has the address: bad_audio for what is too large or not there, config for an
    address that is not allowed or leads to such a one, retry when nobody answers in time.
    """
    try:
        with Deadline(limit_s) as deadline:
            for _ in range(MOST_REDIRECTS + 1):
                link = parse_remote_url(url, local=local)
                with closing(_connect(link, deadline, tls, local=local)) as connection:
                    connection.request("GET", link.target, headers=_HEADERS)
                    with connection.getresponse() as response:
                        body = b"" if response.status in _REDIRECTS else _body(response, at_most_bytes)
                        if deadline.passed:  # what was cut off may look whole
                            raise TimeoutError
                        if response.status not in _REDIRECTS:
                            return body
                        url = urljoin(link.url, response.getheader("location", ""))
    except PrivateAddressError:
        message = "the recording's address leads to a private one: give one that anybody can fetch"
        raise AsrError(ErrorClass.CONFIG, "LinkRefused", message) from None
    except (OSError, HTTPException, ValueError) as error:
        message = f"the recording's address did not answer within {limit_s:g} s, or not in HTTP"
        raise AsrError(ErrorClass.RETRY, "LinkFailed", f"{message} ({type(error).__name__})") from None
    message = f"the recording's address sends from one place to the next, more than {MOST_REDIRECTS} times"
    raise AsrError(ErrorClass.BAD_AUDIO, "LinkFailed", message, constraint=AudioConstraint.CONTENT)


def _body(response: HTTPResponse, at_most_bytes: int) -> bytes:
    if response.status != 200:
        error_class = ErrorClass.RETRY if response.status >= 500 else ErrorClass.BAD_AUDIO
        message = f"the recording's address answers HTTP {response.status}: give one that serves the recording"
        raise AsrError(error_class, "LinkFailed", message, constraint=AudioConstraint.CONTENT)
    body = bytearray()
    while chunk := response.read1(_READ_BYTES):
        body += chunk
        if len(body) > at_most_bytes:
            message = f"the recording is larger than the {at_most_bytes} bytes that can be sent to this vendor"
            raise AsrError(ErrorClass.BAD_AUDIO, "LinkTooLarge", message, constraint=AudioConstraint.SIZE)
    if response.length:
        raise HTTPException("the answer ended before its end")
    return bytes(body)


def _connect(link: RemoteUrl, deadline: Deadline, tls: ssl.SSLContext | None, *, local: bool) -> HTTPConnection:
    return connect(link.host, link.port, deadline, is_https=link.is_https, local=local, tls=tls)
