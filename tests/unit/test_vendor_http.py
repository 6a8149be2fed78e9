"""Check HTTP exchanges with vendors over real connections: requests, replies and every failure."""

import socket
import threading
import tracemalloc
from contextlib import contextmanager, suppress

import pytest

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.vendor import ByteStream, HttpRequest
from asrcore.net import vendor_http
from tests.support.loopback import closed_port
from tests.support.reasons import reason

SIGNED = "/a?X-Amz-Signature=secret"
WAIT_S = 120
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


@contextmanager
def server(*pieces, keep_open=False):
    """A server that records requests, sends its pieces and closes the connection (or keeps it open, silent)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)
        received, ended = [], threading.Event()

        def serve():
            while not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(EOFError):
                    connection.settimeout(WAIT_S)
                    received.append(read_request(connection))
                    for piece in pieces:
                        connection.sendall(piece)
                    if keep_open:
                        ended.wait(WAIT_S)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(WAIT_S)


def read_request(connection):
    """Return the request. Raises EOFError when the client disconnects before its request is complete."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
    while len(body) < length:
        body += more(connection)
    return head.split(b"\r\n"), body


def more(connection):
    received = connection.recv(65536)
    if not received:
        raise EOFError
    return received


def failure(request):
    with pytest.raises(AsrError) as failed:
        vendor_http.send(request)
    assert "secret" not in str(failed.value)
    return failed.value.error_class, failed.value.code


def test_request_is_sent_as_signed():
    headers = {"Host": "aai.qcloud.com", "Authorization": "c2ln", "Content-Type": "application/octet-stream"}

    with server(OK) as (url, received):
        reply = vendor_http.send(HttpRequest("POST", f"{url}/asr/v1/1?url=http%3A%2F%2Fa%20b%2Bc~d", headers, b"RIFF"))

    (request_line, *sent), body = received[0]
    assert request_line == b"POST /asr/v1/1?url=http%3A%2F%2Fa%20b%2Bc~d HTTP/1.1"
    assert {f"{name}: {value}".encode() for name, value in headers.items()} <= set(sent)
    assert body == b"RIFF"
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"ok", "text/plain")


def test_empty_post_has_content_length():
    with server(OK) as (url, received):
        vendor_http.send(HttpRequest("POST", url))

    assert b"Content-Length: 0" in received[0][0]


def test_netrc_does_not_replace_the_signature(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    with server(OK) as (url, received):
        vendor_http.send(HttpRequest("GET", url, {"Authorization": "Bearer; token"}))

    assert b"Authorization: Bearer; token" in received[0][0]


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect", "500 Oops", "429 Slow"])
def test_any_status_is_a_reply_and_is_sent_once(status):
    answer = f"HTTP/1.1 {status}\r\nLocation: /elsewhere\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".encode()

    with server(answer) as (url, received):
        reply = vendor_http.send(HttpRequest("GET", url))

    assert reply.status == int(status[:3])
    assert len(received) == 1


def test_chunked_reply_is_joined():
    with server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n") as (url, _):
        assert vendor_http.send(HttpRequest("GET", url)).body == b"abc"


def test_closed_port_is_a_failed_connection():
    with closed_port() as port:
        failed = failure(HttpRequest("GET", f"http://127.0.0.1:{port}{SIGNED}"))

    assert failed == (ErrorClass.RETRY, "ConnectionFailed")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="hangs-up"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], id="hangs-up-in-the-body"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"], id="hangs-up-in-a-chunk"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], id="broken-chunk"),
        pytest.param([b"this is no HTTP\r\n\r\n"], id="no-http"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"], id="no-gzip"),
    ],
)
def test_broken_connection_is_a_failed_connection(pieces):
    with server(*pieces) as (url, received):
        assert failure(HttpRequest("POST", url + SIGNED, body=b"x")) == (ErrorClass.RETRY, "ConnectionFailed")

    assert len(received) == 1


def test_broken_headers_do_not_log_the_signed_url(caplog):
    caplog.set_level("DEBUG")

    with server(b"HTTP/1.1 200 OK\r\nContent-Len") as (url, _):
        reply = vendor_http.send(HttpRequest("GET", url + SIGNED))

    assert reply.body == b""
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="says-nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], id="stops-in-the-body"),
    ],
)
def test_vendor_that_does_not_answer_is_a_timeout(pieces):
    with server(*pieces, keep_open=True) as (url, _):
        assert failure(HttpRequest("GET", url + SIGNED, read_timeout_s=0.2)) == (ErrorClass.RETRY, "Timeout")


def test_dripping_body_is_a_timeout(monkeypatch):
    monkeypatch.setattr("asrcore.core.vendor.BODY_TIMEOUT_S", -60)  # the time is over when the first piece comes

    with server(OK[:-1], keep_open=True) as (url, _):
        assert failure(HttpRequest("GET", url + SIGNED)) == (ErrorClass.RETRY, "Timeout")


def test_endless_reply_is_too_large(monkeypatch):
    monkeypatch.setattr(vendor_http, "LARGEST_REPLY_BYTES", 1000)

    with server(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 2000) as (url, _):
        assert failure(HttpRequest("GET", url + SIGNED)) == (ErrorClass.RETRY, "ReplyTooLarge")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(HttpRequest("GET", f"asr.example.com{SIGNED}"), id="no-scheme"),
        pytest.param(HttpRequest("GET", f"ftp://asr.example.com{SIGNED}"), id="another-scheme"),
        pytest.param(HttpRequest("GET", f"http://{SIGNED}"), id="no-host"),
        pytest.param(HttpRequest("GET", f"http://127.0.0.1:port{SIGNED}"), id="no-port"),
        pytest.param(
            HttpRequest("GET", "http://127.0.0.1:9", {"Authorization": "secret\n"}), id="token-with-a-line-end"
        ),
        pytest.param(HttpRequest("GET", "http://127.0.0.1:9", {"Authorization": "secret密"}), id="token-not-latin"),
    ],
)
def test_invalid_base_url_or_credentials_are_a_bad_request(request_):
    assert failure(request_) == (ErrorClass.CONFIG, "BadRequest")


def test_stream_is_sent_with_its_length_each_time():
    opened = []

    def pieces():
        opened.append(1)
        yield from (b"RIFF", b"data" * 10_000)

    body = ByteStream(40_004, pieces).between(b"before ", b" after")

    with server(OK) as (url, received):
        for _ in range(2):
            vendor_http.send(HttpRequest("POST", url, {}, body))

    assert len(opened) == 2
    for head, sent in received:
        assert b"Content-Length: 40017" in head
        assert not [line for line in head if line.startswith(b"Transfer-Encoding")]
        assert sent == b"before RIFF" + b"data" * 10_000 + b" after"


def test_stream_is_not_held_in_memory():
    piece = bytes(64 * 1024)
    body = ByteStream(len(piece) * 320, lambda: iter([piece] * 320))  # 20 MiB

    with discarding_server() as url:
        tracemalloc.start()
        try:
            vendor_http.send(HttpRequest("POST", url, {}, body))
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak_bytes < 10 * 1024 * 1024  # threads of other fixtures also allocate


def test_stream_error_is_raised_unchanged():
    def broken():
        yield b"RIFF"
        raise AsrError(ErrorClass.RETRY, "RecordingUnreadable", reason("S3 hung up"))

    with server(OK) as (url, _):
        assert failure(HttpRequest("POST", url, {}, ByteStream(100, broken))) == (
            ErrorClass.RETRY,
            "RecordingUnreadable",
        )


def test_plain_http_to_a_public_address_is_refused(monkeypatch):
    monkeypatch.setattr("asrcore.net.vendor_http.is_public", lambda address: address == "127.0.0.1")

    with server(OK) as (url, received):
        assert failure(HttpRequest("POST", url + SIGNED, {"Authorization": "Bearer secret"})) == (
            ErrorClass.CONFIG,
            "ClearText",
        )

    assert received == []


def test_plain_http_uses_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    with server(OK) as (url, received):
        assert vendor_http.send(HttpRequest("GET", url)).status == 200

    assert len(received) == 1


@contextmanager
def discarding_server():
    """Read one request, discard its body, and respond."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                buffer, left, head = bytearray(65536), None, b""
                while left is None or left > 0:
                    count = connection.recv_into(buffer)
                    if left is None:
                        head += bytes(buffer[:count])
                        before, found, body = head.partition(b"\r\n\r\n")
                        if found:
                            length = next(line for line in before.split(b"\r\n") if line.startswith(b"Content-Length"))
                            left = int(length.split(b":")[1]) - len(body)
                    else:
                        left -= count
                connection.sendall(OK)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(WAIT_S)
