"""Connections to places that somebody named to us: on the public internet, and for a limited time.

The name is looked up once, every address that it has must be public, and the connection is made to the very address
that was found so: a name cannot move into our own network in between. No proxy is asked.
"""

import socket
import ssl
from functools import cache
from http.client import HTTPConnection, HTTPSConnection

import certifi

from asrcore.core.addresses import is_public
from asrcore.net.deadline import Deadline

CONNECT_TIMEOUT_S = 5


class PrivateAddressError(Exception):
    """The host has an address that is not public."""


def connect(
    host: str,
    port: int,
    deadline: Deadline,
    *,
    is_https: bool,
    local: bool = False,
    tls: ssl.SSLContext | None = None,
) -> HTTPConnection:
    """A connection that the deadline watches. local: this machine may be meant, and any other.

    Raises PrivateAddressError, and OSError when nobody takes the connection or, by TLS, is who they should be.
    """
    plain = _connected(host, port, deadline, local=local)
    plain.settimeout(None)  # the deadline ends every wait
    deadline.watch(plain)
    if not is_https:
        connection = HTTPConnection(host, port)
        connection.sock = plain
        return connection
    secured = HTTPSConnection(host, port)
    secured.sock = (tls or _trusted()).wrap_socket(plain, server_hostname=host)
    return secured


def _connected(host: str, port: int, deadline: Deadline, *, local: bool) -> socket.socket:
    """A connection to the first of the host's addresses that takes it."""
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not local and not all(is_public(address) for address in found):
        raise PrivateAddressError
    failure = OSError("the host has no address")
    for address in dict.fromkeys(found):
        if deadline.passed:  # a name may have a hundred addresses, and nobody at any of them
            raise TimeoutError
        try:
            return socket.create_connection((address, port), CONNECT_TIMEOUT_S)
        except OSError as error:
            failure = error
    raise failure


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
