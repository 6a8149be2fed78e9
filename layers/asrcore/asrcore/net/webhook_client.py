"""Post webhooks to a receiver on the internet, which may answer slowly, wrongly or without end."""

import ssl
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message
from asrcore.net.deadline import Deadline
from asrcore.net.public_connection import PrivateAddressError, connect

POST_LIMIT_S = 20  # for the whole exchange; the specification recommends 15 to 30


class HttpWebhookClient:
    """Posts to https URLs on the public internet. It resolves the name for each post and follows no redirect."""

    def __init__(
        self, *, local: bool = False, limit_s: float = POST_LIMIT_S, tls: ssl.SSLContext | None = None
    ) -> None:
        """Connect nothing yet.

        Args:
            local: whether plain http and private addresses are allowed, as on the local stack.
            limit_s: seconds for one post.
            tls: trusted certificates other than Mozilla's.
        """
        self._local = local
        self._limit_s = limit_s
        self._tls = tls

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a message and return the HTTP status of the answer, whose body is not read.

        Args:
            url: of the receiver.
            body: of the message.
            headers: of the message.

        Raises:
            AsrError: class config for an address that is not allowed, retry when the receiver does not answer in time.
                No message contains the URL, which may hold a secret.
        """
        parts = urlsplit(url)
        is_https = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not (is_https or self._local):
            raise _refused(Message("WebhookUrlRefused.not-https"))
        try:
            with Deadline(self._limit_s) as deadline, closing(self._connect(parts, deadline)) as connection:
                connection.request("POST", target, body, dict(headers))
                with connection.getresponse() as response:
                    if deadline.passed:  # headers that were cut off look complete
                        raise TimeoutError
                    return response.status
        except PrivateAddressError:
            raise _refused(Message("WebhookUrlRefused.private")) from None
        except (OSError, HTTPException, ValueError) as error:
            silent = Message("NoAnswer", {"limit_s": f"{self._limit_s:g}", "error": type(error).__name__})
            raise AsrError(ErrorClass.RETRY, "NoAnswer", silent) from None

    def _connect(self, parts: SplitResult, deadline: Deadline) -> HTTPConnection:
        is_https = parts.scheme == "https"
        port = parts.port or (443 if is_https else 80)
        return connect(parts.hostname or "", port, deadline, is_https=is_https, local=self._local, tls=self._tls)


def _refused(reason: Message) -> AsrError:
    return AsrError(ErrorClass.CONFIG, "WebhookUrlRefused", reason)
