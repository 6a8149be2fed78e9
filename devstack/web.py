"""A threaded HTTP server on a port of this machine, for moto, the HTTP API, the simulators and the recognizer."""

import logging
import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, Self

from werkzeug.serving import WSGIRequestHandler, make_server

from asrctl.language import localized


class PortTakenError(OSError):
    """The chosen port is in use; the message names it."""


class WebServer:
    """Serves a WSGI application from construction until `stop`."""

    def __init__(
        self,
        app: Any,
        bind: str,
        port: int,
        request_handler: type[WSGIRequestHandler] = WSGIRequestHandler,
        bound: socket.socket | None = None,
    ) -> None:
        """port: 0 for any free one. bound: a socket from bind_port to listen on. Raises PortTakenError."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request would hide the rest
        self._listener = bound or bind_port(bind, port)
        self._listener.listen(128)
        self._server = make_server(
            bind, port, app, threaded=True, request_handler=request_handler, fd=self._listener.fileno()
        )
        self.port: int = self._listener.getsockname()[1]
        # A server on all addresses is reached through the loopback.
        self.url = f"http://{'127.0.0.1' if bind == '0.0.0.0' else bind}:{self.port}"  # noqa: S104  # nosec B104 - compared, not bound
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the port."""
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def check_ports(bind: str, ports: Iterable[int]) -> None:
    """Raise PortTakenError unless a server could listen on all of these ports at once; 0 is any free one."""
    with ExitStack() as bound:
        for port in ports:
            bound.enter_context(bind_port(bind, port)).listen()


def bind_port(address: str, port: int) -> socket.socket:
    """Return a socket that holds a port without listening: connections are refused. Raises PortTakenError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            error.errno, localized("cli.local.cannot_listen", address=f"{address}:{port}", reason=str(error.strerror))
        ) from error
    return listener
