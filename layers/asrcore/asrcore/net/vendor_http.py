"""The only HTTP client for vendors: a request is sent once, as it was signed, within limits of time and size.

The server that replies may be a broken proxy or an attacker. So the whole exchange has a time limit, a reply is
unpacked in pieces up to a size limit, and no redirect is followed.
"""

import logging
import socket
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from asrcore.core.addresses import is_public
from asrcore.core.errors import AsrError, ErrorClass, NoAnswerError
from asrcore.core.vendor import CONNECT_TIMEOUT_S, HttpReply, HttpRequest
from asrcore.messages import Message
from asrcore.net.deadline import Deadline

LARGEST_REPLY_BYTES = 24 * 1024 * 1024
READ_BYTES = 64 * 1024
# One encoding at most: a kilobyte in several layers can unpack to more than a processor handles in a day.
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})

# Its warnings and debug lines quote the request's URL, which is signed and may contain another signed URL.
logging.getLogger("urllib3").setLevel(logging.ERROR)


def send(request: HttpRequest) -> HttpReply:
    """Send a request once and return the reply, whatever its HTTP status.

    Redirects are not followed. The exchange ends after `request.longest_s` seconds, counted from the name lookup. No
    error message contains the URL, which may be signed.

    Args:
        request: as the vendor module built and signed it. A ByteStream is read while it is sent.

    Returns:
        The status, the unpacked body and the headers by lower-case name.

    Raises:
        NoAnswerError: code Timeout, ConnectionFailed, ReplyTooLarge or UnknownEncoding.
        AsrError: class config, code BadRequest when the base URL or the credentials do not fit into a request, code
            ClearText when plain http leads to a public address; or what the ByteStream raised.
    """
    deadline = Deadline(request.longest_s)
    with requests.Session() as session:
        session.mount("https://", _DeadlineAdapter(deadline))
        session.mount("http://", _DeadlineAdapter(deadline, private_only=True))
        prepared, adapter, settings = _prepare(request, session)
        try:
            with deadline, adapter.send(prepared, **settings) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                reply = HttpReply(response.status_code, _read(response), headers)
        except _PublicAddressError:
            raise AsrError(ErrorClass.CONFIG, "ClearText", Message("ClearText.public-address")) from None
        except (requests.Timeout, ReadTimeoutError):
            raise _failure(
                "Timeout", Message("Timeout.no-answer", {"limit_s": f"{request.read_timeout_s:g}"})
            ) from None
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if not deadline.passed:
                what = Message("ConnectionFailed", {"error": type(error).__name__})
                raise _failure("ConnectionFailed", what) from None
    if deadline.passed:  # even without an error: a body without Content-Length looks complete when it is cut off
        raise _failure("Timeout", Message("Timeout.no-end"))
    return reply


def _prepare(request: HttpRequest, session: requests.Session) -> tuple[requests.PreparedRequest, BaseAdapter, Any]:
    """Return the prepared request, the adapter that sends it, and timeouts, certificates and proxies."""
    try:
        headers: Mapping[str, bytes] = {name: value.encode("latin-1") for name, value in request.headers.items()}
        # Prepared without the session, which would replace the signature by a password from a .netrc file, and sent
        # without it, because it reads a redirect's body even when it does not follow the redirect.
        prepared = requests.Request(request.method, request.url, headers=headers, data=request.body or None).prepare()
        adapter = session.get_adapter(prepared.url or "")
    except (requests.RequestException, ValueError):
        raise AsrError(ErrorClass.CONFIG, "BadRequest", Message("BadRequest")) from None
    settings = session.merge_environment_settings(prepared.url, {}, True, None, None)
    if not (prepared.url or "").startswith("https://"):
        settings["proxies"] = {}  # a proxy could be anywhere, and hides where the request is sent
    return prepared, adapter, {**settings, "timeout": (CONNECT_TIMEOUT_S, request.read_timeout_s)}


def _read(response: requests.Response) -> bytes:
    """Read and unpack the body in pieces, up to the size limit."""
    if response.headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
        raise _failure("UnknownEncoding", Message("UnknownEncoding"))
    body = bytearray()
    while chunk := response.raw.read1(READ_BYTES, decode_content=True):
        body += chunk
        if len(body) > LARGEST_REPLY_BYTES:
            raise _failure("ReplyTooLarge", Message("ReplyTooLarge", {"most_bytes": LARGEST_REPLY_BYTES}))
    return bytes(body)


def _failure(code: str, reason: Message) -> NoAnswerError:
    return NoAnswerError(ErrorClass.RETRY, code, reason)


class _PublicAddressError(Exception):
    """A connection that may only lead to private addresses leads to a public one."""


class _DeadlineAdapter(HTTPAdapter):
    """Connects like HTTPAdapter, proxies included, and puts each connection under the deadline.

    private_only: raise _PublicAddressError, before anything is sent, when the name resolves to a public address.
    """

    def __init__(self, deadline: Deadline, *, private_only: bool = False) -> None:
        self._deadline = deadline
        self._private_only = private_only
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the connection pool for a request, whose connections are watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline, private_only=self._private_only)
        return pool


def _watched(kind: type[HTTPConnection], deadline: Deadline, *, private_only: bool) -> type[HTTPConnection]:
    class WatchedConnection(kind):  # type: ignore[valid-type, misc]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            if private_only and is_public(connection.getpeername()[0]):
                connection.close()
                raise _PublicAddressError
            deadline.watch(connection)
            return connection

    return WatchedConnection
