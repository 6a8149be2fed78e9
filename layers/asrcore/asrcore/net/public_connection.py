"""Connections to hosts that a caller or an operator named: to public addresses only, within a deadline.

The name is resolved once. Every address must be public, and the connection is made to the address that was checked, so
that a second lookup cannot lead into our own network. No proxy is used.
"""

import socket
import ssl
from functools import cache
from http.client import HTTPConnection, HTTPSConnection

import certifi

from asrcore.core.addresses import is_public, is_public_host
from asrcore.net.deadline import Deadline

CONNECT_TIMEOUT_S = 5


class PrivateAddressError(Exception):
    """The host is not public, by its name or by one of its addresses."""


def connect(
    host: str,
    port: int,
    deadline: Deadline,
    *,
    is_https: bool,
    local: bool = False,
    tls: ssl.SSLContext | None = None,
) -> HTTPConnection:
    """Connect to a host, under the deadline.

    Args:
        host: a name or an IP address.
        port: the TCP port.
        deadline: shuts the connection down when it passes.
        is_https: whether to negotiate TLS and check the certificate.
        local: whether private addresses are allowed, as on the local stack.
        tls: trusted certificates other than Mozilla's.

    Returns:
        A connected HTTPConnection, or HTTPSConnection for TLS. The caller closes it.

    Raises:
        PrivateAddressError: the host's name or one of its addresses is not public.
        OSError: no address accepts the connection, or the certificate is not valid for the host.
    """
    plain = _connected(host, port, deadline, local=local)
    plain.settimeout(None)  # the deadline limits every wait
    deadline.watch(plain)
    if not is_https:
        connection = HTTPConnection(host, port)
        connection.sock = plain
        return connection
    secured = HTTPSConnection(host, port)
    secured.sock = (tls or _trusted()).wrap_socket(plain, server_hostname=host)
    return secured


def _connected(host: str, port: int, deadline: Deadline, *, local: bool) -> socket.socket:
    """Return a socket connected to the first of the host's addresses that accepts the connection."""
    if not (local or is_public_host(host)):
        raise PrivateAddressError
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not local and not all(is_public(address) for address in found):
        raise PrivateAddressError
    failure = OSError("the host has no address")
    for address in dict.fromkeys(found):
        if deadline.passed:  # a name may have a hundred addresses, none of which answers
            raise TimeoutError
        try:
            return socket.create_connection((address, port), CONNECT_TIMEOUT_S)
        except OSError as error:
            failure = error
    raise failure


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
