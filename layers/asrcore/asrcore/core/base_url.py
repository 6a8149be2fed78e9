"""Base URLs of vendors: TLS anywhere, clear text within a private network only."""

from urllib.parse import urlsplit

from asrcore.core.addresses import is_private
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message


def check_base_url(vendor: str, url: str, *, local: bool, in_vpc: bool) -> None:
    """Check the base URL of a vendor: scheme, host, maybe port and path.

    local: the local stack, whose vendors are on this machine.  in_vpc: the functions run in a VPC. What a host's name
    stands for is checked when it is connected to. Raises AsrError(config) that says what to change.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or parts.scheme not in {"http", "https"}:
        raise _reject("BadBaseUrl", Message("BadBaseUrl.no-address", {"vendor": vendor}))
    if parts.username is not None or parts.password is not None:
        raise _reject("BadBaseUrl", Message("BadBaseUrl.credentials", {"vendor": vendor}))
    if parts.query or parts.fragment:
        raise _reject("BadBaseUrl", Message("BadBaseUrl.query", {"vendor": vendor}))
    if parts.scheme == "https" or local:
        return
    if not in_vpc:
        raise _reject("ClearText", Message("ClearText.no-vpc", {"vendor": vendor}))
    if not _may_be_private(host):
        raise _reject("ClearText", Message("ClearText.public-host", {"vendor": vendor, "host": host}))


def _may_be_private(host: str) -> bool:
    """Return whether a host is a private address, or a name, which may stand for one."""
    try:
        return is_private(host)
    except ValueError:
        return True


def _reject(code: str, reason: Message) -> AsrError:
    return AsrError(ErrorClass.CONFIG, code, reason)
