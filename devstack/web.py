"""A threaded HTTP server on a port of this machine, for moto, the HTTP API, the simulators and the recognizer."""

import logging
import selectors
import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any, Self

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import LimitedStream

from asrctl.language import localized

_COPIED_BYTES = 1 << 16  # the largest body that is sent in one packet with its head


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
        self._server = _Server(bind, port, app, request_handler, fd=self._listener.fileno())
        self.port: int = self._listener.getsockname()[1]
        # A server on all addresses is reached through the loopback.
        self.url = f"http://{'127.0.0.1' if bind == '0.0.0.0' else bind}:{self.port}"  # noqa: S104  # nosec B104 - compared, not bound
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the port; requests in progress are still answered."""
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()
        self._listener.close()
        self._server.end_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class KeepAliveHandler(WSGIRequestHandler):
    """Serves the requests of a connection one after the other, as AWS does; werkzeug's handler closes it after each.

    A connection and a thread for each request would be a third of the local stack's CPU time.
    """

    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request. The standard library's handler has sent `100 Continue` before."""
        self.environ = environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):  # of unknown length: the next request cannot be found
            self.close_connection = True
            self._respond(environ)
            return
        received: Any = self.rfile
        body = LimitedStream(received, int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = body
        self._respond(environ)
        try:
            body.exhaust()
        except ClientDisconnected:
            self.close_connection = True

    def _respond(self, environ: dict[str, Any]) -> None:
        started: list[Any] = []

        def start_response(*given: Any) -> Any:
            started.append(given)

        try:
            chunks = self.server.app(environ, start_response)
            try:
                body = b"".join(chunks)
            finally:
                getattr(chunks, "close", lambda: None)()
            status, headers, *_ = started[-1]
        except Exception:  # the boundary: whatever an application raises is answered, and its connection stays usable
            logging.getLogger("werkzeug").exception("Error on request")
            status, headers, body = "500 Internal Server Error", [], b""
        self._send(status, headers, body)

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        named = {name.lower() for name, _ in headers}
        lines = [f"{self.protocol_version} {status}", *(f"{name}: {value}" for name, value in headers)]
        if "date" not in named:
            lines.append(f"Date: {self.date_time_string()}")
        if "content-length" not in named and self.command != "HEAD" and status[:3] not in ("204", "304"):
            lines.append(f"Content-Length: {len(body)}")
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if len(body) > _COPIED_BYTES:
            self.wfile.write(head)
            self.wfile.write(body)
        else:
            self.wfile.write(head + body)


class _Server(ThreadedWSGIServer):
    """A thread for each connection."""

    timeout = 0  # `handle_request` waits for no connection that has gone

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connections: set[Any] = set()
        self._ended, self._end = socket.socketpair()

    def serve_forever(self, poll_interval: float = 0) -> None:
        """Serve until `shutdown`, which the standard library's server looks for several times a second."""
        with self._ended, selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()

    def shutdown(self) -> None:
        """Let `serve_forever` return."""
        self._end.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the connection's thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """End each connection after its request in progress: idle ones wait for a next request."""
        for connection in tuple(self._connections):
            with suppress(OSError):  # which its other side has closed
                connection.shutdown(socket.SHUT_RD)


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
