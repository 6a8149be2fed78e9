"""Serve several requests on one connection, and end idle connections with the server."""

import http.client
import socket
import threading

import pytest

from devstack.web import KeepAliveHandler, WebServer

DEADLINE_S = 60


def echo(environ, start_response):
    """Return the request's path and as much of its body as the query says."""
    wanted = int(environ["QUERY_STRING"] or -1)
    body = environ["wsgi.input"].read(wanted)
    start_response("200 OK", [("X-Path", environ["PATH_INFO"])])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


@pytest.fixture
def server():
    """Yield a server of the application above."""
    with WebServer(echo, "127.0.0.1", 0, KeepAliveHandler) as running:
        yield running


@pytest.fixture
def connection(server):
    """Yield a connection to the server, which is opened once."""
    opened = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    opened.connect()
    opened.auto_open = 0
    yield opened
    opened.close()


def answer(connection, method, path, body=b"", **headers):
    """Send a request; return the path and the body of the answer."""
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.headers["X-Path"], response.read()


def test_connection_serves_several_requests(connection):
    large = b"x" * 1_000_000

    assert answer(connection, "POST", "/a", b"first") == ("/a", b"first")
    assert answer(connection, "HEAD", "/b") == ("/b", b"")
    assert answer(connection, "PUT", "/c", large, Expect="100-continue") == ("/c", large)
    assert answer(connection, "GET", "/d") == ("/d", b"")


def test_unread_body_does_not_become_the_next_request(connection):
    assert answer(connection, "POST", "/a?3", b"GET /wrong HTTP/1.1\r\n\r\n") == ("/a", b"GET")
    assert answer(connection, "GET", "/b") == ("/b", b"")


def test_body_of_unknown_length_ends_the_connection(connection):
    connection.request("POST", "/a", iter([b"some", b"more"]), encode_chunked=True)
    response = connection.getresponse()

    assert response.read() == b"somemore"
    assert response.headers["Connection"] == "close"


def test_failed_application_answers_500(caplog):
    def fail(environ, start_response):
        raise ValueError("of the application")

    with WebServer(fail, "127.0.0.1", 0, KeepAliveHandler) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
        connection.request("GET", "/")
        assert connection.getresponse().status == 500
        connection.close()

    assert "of the application" in caplog.text


def test_stop_ends_idle_connections_and_answers_requests():
    begun, proceed = threading.Event(), threading.Event()

    def wait(environ, start_response):
        begun.set()
        assert proceed.wait(DEADLINE_S)
        return echo(environ, start_response)

    server = WebServer(wait, "127.0.0.1", 0, KeepAliveHandler)
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as idle:
        busy = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
        busy.request("GET", "/busy")
        assert begun.wait(DEADLINE_S)

        server.stop()

        assert idle.recv(1) == b""
        proceed.set()
        response = busy.getresponse()
        assert (response.status, response.headers["X-Path"]) == (200, "/busy")
        busy.close()
