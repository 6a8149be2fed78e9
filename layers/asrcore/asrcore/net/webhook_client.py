"""Who is told by webhook: somebody on the internet, who may answer slowly, wrongly, without end or from elsewhere."""

import ssl
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.net.deadline import Deadline
from asrcore.net.public_connection import PrivateAddressError, connect

POST_LIMIT_S = 20  # for the whole exchange; the specification recommends 15 to 30


class HttpWebhookClient:
    """Whoever answers at an https address on the public internet; on this machine too, and without TLS, if `local`.

    No redirect is followed, and the name is looked up for each post.
    """

    def __init__(
        self, url: str, *, local: bool = False, limit_s: float = POST_LIMIT_S, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(url)
        self._is_https = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_https else 80)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._local = local
        self._limit_s = limit_s
        self._tls = tls

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """The answer's HTTP status; its body is not read.

        Raises AsrError: config for an address that is not allowed, retry when nobody answers in time. Its message never
        has the URL, which may have a secret in it.
        """
        if not (self._is_https or self._local):
            raise _refused("is not https")
        try:
            with Deadline(self._limit_s) as deadline, closing(self._connect(deadline)) as connection:
                connection.request("POST", self._target, body, dict(headers))
                with connection.getresponse() as response:
                    if deadline.passed:  # cut off, headers without end look complete
                        raise TimeoutError
                    return response.status
        except PrivateAddressError:
            raise _refused("leads to a private address") from None
        except (OSError, HTTPException, ValueError) as error:
            message = f"the webhook's receiver did not answer within {self._limit_s:g} s, or not in HTTP"
            raise AsrError(ErrorClass.RETRY, "NoAnswer", f"{message} ({type(error).__name__})") from None

    def _connect(self, deadline: Deadline) -> HTTPConnection:
        return connect(self._host, self._port, deadline, is_https=self._is_https, local=self._local, tls=self._tls)


def _refused(why: str) -> AsrError:
    message = f"the stack parameter WebhookUrl {why}: give it an https address on the public internet"
    return AsrError(ErrorClass.CONFIG, "WebhookUrlRefused", message)
