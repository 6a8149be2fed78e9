"""Fetching remote recordings from real servers: complete, limited, with TLS, and from public addresses only."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.net import remote_fetch
from asrcore.net.deadline import Deadline
from asrcore.net.public_connection import connect
from asrcore.net.remote_fetch import fetch
from tests.support.web import Web

RECORDING = bytes(range(256)) * 400
WAIT_S = 120


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as served:
        yield served


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server with a response per connection; return an address on it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(WAIT_S)
                try:
                    connection.recv(65536)
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/a.wav"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(WAIT_S)
        listener.close()


def refused(url: str, at_most_bytes: int = 10**6, **options) -> AsrError:
    with pytest.raises(AsrError) as raised:
        fetch(url, at_most_bytes, **options)
    assert "127.0.0.1" not in raised.value.message
    return raised.value


def test_recording_is_downloaded_whole(web):
    assert fetch(web.serve("/a.wav", RECORDING), len(RECORDING), local=True) == RECORDING


def test_too_large_recording_is_rejected_early(web):
    error = refused(web.serve("/a.wav", RECORDING), len(RECORDING) - 1, local=True)

    assert (error.error_class, error.code) == (ErrorClass.BAD_AUDIO, "LinkTooLarge")


def test_redirects_are_followed(web):
    web.serve("/c.wav", RECORDING)
    web.redirect("/b.wav", "/c.wav")

    assert fetch(web.redirect("/a.wav", web.at("/b.wav")), 10**6, local=True) == RECORDING


def test_endless_redirects_are_stopped(web):
    error = refused(web.redirect("/a.wav", "/a.wav"), local=True)

    assert (error.error_class, error.code) == (ErrorClass.BAD_AUDIO, "LinkFailed")


@pytest.mark.parametrize(
    "target",
    ["ftp://a.example.com/a.wav", "file:///etc/passwd", "https://user@a.example.com/a.wav", "//", "https://[/a.wav"],
)
def test_redirects_to_other_schemes_are_not_followed(web, target):
    assert refused(web.redirect("/a.wav", target), local=True).code in {"BadUrl", "LinkFailed"}


class TestFromOutside:
    """Apply the rules of AWS: no address of this machine or its network may be reached."""

    @pytest.fixture(autouse=True)
    def hosts(self, monkeypatch):
        """Replace name resolution, and record the connected addresses."""
        self.found: dict[str, list[str]] = {}
        self.connected: list[str] = []

        def resolve(host, port, **_):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in self.found[host]]

        def connect(address, timeout=None):
            self.connected.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket, "create_connection", connect)

    @pytest.mark.parametrize(
        "addresses",
        [
            pytest.param(["127.0.0.1"], id="this machine"),
            pytest.param(["10.1.2.3"], id="a private network"),
            pytest.param(["169.254.169.254"], id="an instance's metadata"),
            pytest.param(["100.100.100.200"], id="another cloud's metadata"),
            pytest.param(["fd00:ec2::254"], id="metadata by IPv6"),
            pytest.param(["::ffff:10.0.0.1"], id="a private address within a public one's form"),
            pytest.param(["64:ff9b::a9fe:a9fe"], id="the same through NAT64"),
            pytest.param(["0.0.0.0"], id="no address"),
            pytest.param(["224.0.0.1"], id="multicast"),
            pytest.param(["93.184.215.14", "10.0.0.1"], id="one of several"),
        ],
    )
    def test_name_with_a_private_address_is_not_connected(self, addresses):
        self.found["a.example.com"] = addresses

        error = refused("https://a.example.com/a.wav")

        assert (error.error_class, error.code) == (ErrorClass.CONFIG, "LinkRefused")
        assert self.connected == []

    def test_connection_uses_the_checked_address(self):
        self.found["a.example.com"] = ["93.184.215.14", "93.184.215.15"]

        error = refused("https://a.example.com/a.wav")

        assert (error.error_class, error.code) == (ErrorClass.RETRY, "LinkFailed")
        assert self.connected == ["93.184.215.14", "93.184.215.15"]

    def test_name_that_is_rebound_after_its_check_is_resolved_once(self, monkeypatch):
        """DNS rebinding: the second answer for the name is an address of the private network."""
        answers = iter([["93.184.215.14"], ["169.254.169.254"]])

        def resolve(host, port, **_):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in next(answers)]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

        assert refused("https://a.example.com/a.wav").code == "LinkFailed"
        assert self.connected == ["93.184.215.14"]
        assert next(answers) == ["169.254.169.254"]  # nothing has used it

    def test_no_further_address_is_tried_after_the_deadline(self, monkeypatch):
        self.found["a.example.com"] = [f"93.184.215.{number}" for number in range(1, 101)]
        deadline = Deadline(30)

        def refuse(address, timeout=None):
            self.connected.append(address[0])
            deadline.passed = True
            raise TimeoutError

        monkeypatch.setattr(socket, "create_connection", refuse)
        with deadline, pytest.raises(TimeoutError):
            connect("a.example.com", 443, deadline, is_https=True)

        assert self.connected == ["93.184.215.1"]

    def test_plain_http_address_is_not_connected(self):
        assert refused("http://a.example.com/a.wav").code == "BadUrl"
        assert self.connected == []


def test_redirect_to_a_private_address_is_not_followed(web, monkeypatch):
    """Treat the first address as public, so that only the redirect is checked."""
    monkeypatch.setattr(remote_fetch, "parse_remote_url", _only_the_first_is_local(remote_fetch.parse_remote_url))
    first = web.redirect("/a.wav", "https://169.254.169.254/latest/meta-data/a.wav")

    assert refused(first, local=True).code == "BadUrl"


def _only_the_first_is_local(parse_remote_url):
    asked = []

    def read(url, *, local=False):
        asked.append(url)
        return parse_remote_url(url, local=len(asked) == 1)

    return read


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(404, ErrorClass.BAD_AUDIO), (403, ErrorClass.BAD_AUDIO), (206, ErrorClass.BAD_AUDIO), (503, ErrorClass.RETRY)],
)
def test_response_without_a_recording_is_an_error(status, error_class):
    with answering(lambda c: c.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())) as url:
        error = refused(url, local=True)

    assert (error.error_class, error.code) == (error_class, "LinkFailed")
    assert str(status) in error.message


def drip(connection: socket.socket) -> None:
    """A byte every tenth of a second, until the client disconnects."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(200):
        connection.sendall(b"y")
        threading.Event().wait(0.1)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10_000):
        connection.sendall(b"y" * 65536)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(endless, "LinkTooLarge", id="never ends"),
        pytest.param(lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.0\r\n"), "LinkFailed", id="speaks something else"),
        pytest.param(lambda c: None, "LinkFailed", id="hangs up"),
        pytest.param(
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "LinkFailed", id="hangs up midway"
        ),
        pytest.param(
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"), "LinkFailed", id="talks on"
        ),
    ],
)
def test_malformed_response_is_refused(answer, code):
    with answering(answer) as url:
        assert refused(url, local=True).code == code


def test_slow_response_is_cut_off_at_the_limit():
    with answering(drip) as url:
        assert refused(url, local=True, limit_s=1.0).code == "LinkFailed"


def test_untrusted_certificate_is_rejected(web):
    error = refused(web.at("/a.wav").replace("http:", "https:"), local=True, tls=ssl.create_default_context())

    assert (error.error_class, error.code) == (ErrorClass.RETRY, "LinkFailed")
