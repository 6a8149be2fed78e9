"""Send hostile vendor replies over real connections; check bounded time and memory, and a clear error.

A server here sends until the client disconnects, so that a missing bound fails its test instead of slowing it.
"""

import datetime
import gzip
import ipaddress
import itertools
import json
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from contextlib import contextmanager
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asrcore.core import documents, transcript
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.transcript import Utterance
from asrcore.core.vendor import Completion, HttpReply, HttpRequest
from asrcore.net import vendor_http
from asrcore.render import Exports
from asrcore.vendors.registry import VENDORS
from tests.support import transcripts
from tests.support.process import peak_bytes
from tests.support.recognition_requests import a_recognition_request, answer
from tests.support.sampled import each_value_once, exhaustive

SIGNED = "/a?X-Amz-Signature=secret"
JOIN_S = 120
MEGABYTE = 1024 * 1024
GIGABYTE = 1024 * MEGABYTE
HEAD = b"HTTP/1.1 200 OK\r\n"
# The reply, its joined pieces, and the part being decompressed.
PEAK_BYTES = 4 * vendor_http.LARGEST_REPLY_BYTES
QUARTER_BYTES, MOST_BYTES = 256 * MEGABYTE, 768 * MEGABYTE  # of a function's 1,024 MB
STARTED_BYTES = 80 * MEGABYTE  # a process with the layer imported


@contextmanager
def server(pieces, pause_s=0.0, context=None):
    """Answer every connection with pieces, possibly endless, until the client disconnects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(JOIN_S)
        visits = []

        def answer_one(connection):
            with connection:
                connection.settimeout(JOIN_S)
                wrapped = context.wrap_socket(connection, server_side=True) if context else connection
                visits.append(wrapped.recv(65536))
                for piece in pieces():
                    wrapped.sendall(piece)
                    time.sleep(pause_s)

        def serve():
            while True:
                try:
                    answer_one(listener.accept()[0])
                except ConnectionError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}", visits
        finally:
            # On Linux an accept() keeps waiting when another thread closes the listener: one more connection ends it.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(JOIN_S)
            assert not thread.is_alive()


@pytest.fixture
def impatient(monkeypatch):
    """Set the deadline of an exchange to half a second; each byte of a slow reply is within the read timeout."""
    monkeypatch.setattr("asrcore.core.vendor.BODY_TIMEOUT_S", -9.5)
    return HttpRequest("GET", "", read_timeout_s=5)


def sent(request, url):
    """Return the outcome of a request, made in a thread that must end."""
    outcome = []

    def run():
        try:
            outcome.append(vendor_http.send(HttpRequest(request.method, url, read_timeout_s=request.read_timeout_s)))
        except AsrError as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(JOIN_S)
    assert outcome, "the exchange did not end"
    return outcome[0]


def drip(start, again):
    return lambda: itertools.chain([start], itertools.repeat(again))


def empty_blocks():
    """Yield an endless gzip stream that decompresses to nothing."""
    packer = zlib.compressobj(wbits=31)
    yield HEAD + b"Content-Encoding: gzip\r\n\r\n" + packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH)
    yield from itertools.repeat(b"\0\0\0\xff\xff" * 10)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(drip(b"HTTP/1.1 200 ", b"O"), id="a status line without end"),
        pytest.param(
            drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"), id="endless interim responses"
        ),
        pytest.param(drip(HEAD + b"X-A: ", b"a"), id="a header without end"),
        pytest.param(drip(HEAD + b"Content-Length: 99999\r\n\r\n", b"a"), id="a body byte by byte"),
        pytest.param(drip(HEAD + b"\r\n", b"a"), id="a body without a length"),
        pytest.param(drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"), id="the length of a chunk"),
        pytest.param(drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), id="chunks of one byte"),
        pytest.param(drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"), id="a chunk's extension"),
        pytest.param(drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"), id="trailers"),
        pytest.param(drip(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"a"), id="a redirect with a long body"),
        pytest.param(empty_blocks, id="compressed nothing"),
    ],
)
def test_slow_reply_is_cut_off_at_the_deadline(impatient, pieces):
    with server(pieces, pause_s=0.05) as (url, visits):
        failed = sent(impatient, url + SIGNED)

    assert (failed.error_class, failed.code) == (ErrorClass.RETRY, "Timeout")
    assert "secret" not in str(failed)
    assert len(visits) <= 1, "the request is not repeated"


def test_slow_tls_handshake_is_cut_off_at_the_deadline(impatient):
    """Yield a TLS record that declares 16 KB of handshake, a byte at a time."""
    with server(drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\0"), pause_s=0.05) as (url, _):
        failed = sent(impatient, url.replace("http", "https") + SIGNED)

    assert failed.code == "Timeout"


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    """Return a server's TLS context, with a certificate that the client trusts in this test."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_reply_over_tls_is_received(certificate):
    with server(lambda: [HEAD + b"Content-Length: 2\r\n\r\nok"], context=certificate) as (url, _):
        assert sent(HttpRequest("GET", ""), url).body == b"ok"


def test_vendor_with_untrusted_certificate_is_sent_nothing(certificate, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with server(lambda: [HEAD + b"Content-Length: 2\r\n\r\nok"], context=certificate) as (url, _):
        refused = sent(HttpRequest("GET", ""), url)

    assert refused.code == "ConnectionFailed"
    assert "SSLError" in refused.message


def test_slow_reply_over_tls_is_cut_off_at_the_deadline(impatient, certificate):
    with server(drip(HEAD + b"\r\n", b"a"), pause_s=0.05, context=certificate) as (url, _):
        assert sent(impatient, url).code == "Timeout"


@contextmanager
def little_memory(limit_bytes=PEAK_BYTES):
    """Fail when the context's peak memory exceeds the limit."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit_bytes, f"{peak / MEGABYTE:.0f} MB at once"


def packed(wbits):
    """Return a gigabyte of zeros, compressed to a megabyte.

    After a full flush each megabyte is compressed to the same bytes, so two megabytes are compressed and the second is
    repeated. The checksum at the end is wrong: the reader stops long before it.
    """
    packer = zlib.compressobj(wbits=wbits)
    first, other = (packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + other * (GIGABYTE // MEGABYTE - 1) + packer.flush()


def bomb(encoding, body):
    return lambda: [HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        pytest.param(lambda: bomb("gzip", packed(31)), "ReplyTooLarge", id="gzip: 1 GB in 1 MB"),
        pytest.param(lambda: bomb("deflate", packed(15)), "ReplyTooLarge", id="deflate: 1 GB"),
        pytest.param(lambda: bomb("deflate", packed(-15)), "ReplyTooLarge", id="deflate without a header: 1 GB"),
        pytest.param(
            lambda: bomb("gzip", gzip.compress(bytes(MEGABYTE)) * 1000),
            "ReplyTooLarge",
            id="gzip in a thousand members",
        ),
        pytest.param(lambda: bomb("gzip, gzip", gzip.compress(packed(31))), "UnknownEncoding", id="gzip in gzip"),
        pytest.param(lambda: bomb("br", b"\x1b\xff\xff\xff"), "UnknownEncoding", id="brotli"),
        pytest.param(lambda: bomb("gzip;q=0", b"x"), "UnknownEncoding", id="an unknown encoding"),
        pytest.param(lambda: drip(HEAD + b"\r\n", bytes(MEGABYTE)), "ReplyTooLarge", id="a body without end"),
        pytest.param(
            lambda: drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + bytes(MEGABYTE) + b"\r\n"),
            "ReplyTooLarge",
            id="chunks without end",
        ),
        pytest.param(
            lambda: drip(HEAD + b"Content-Length: 99999999999\r\n\r\n", bytes(MEGABYTE)),
            "ReplyTooLarge",
            id="100 GB, as declared",
        ),
        pytest.param(
            lambda: drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 15 + b"\r\n", bytes(MEGABYTE)),
            "ReplyTooLarge",
            id="a chunk of an exabyte",
        ),
        pytest.param(
            lambda: drip(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", bytes(MEGABYTE)),
            "ReplyTooLarge",
            id="a redirect's body",
        ),
        pytest.param(
            lambda: drip(HEAD, b"X-A: " + b"a" * 60_000 + b"\r\n"), "ConnectionFailed", id="headers without end"
        ),
        pytest.param(lambda: drip(HEAD + b"X-A: ", b"a" * MEGABYTE), "ConnectionFailed", id="a header without end"),
        pytest.param(lambda: drip(b"", b"a" * MEGABYTE), "ConnectionFailed", id="no HTTP, without end"),
    ],
)
def test_endless_reply_uses_little_memory(made, code):
    pieces = made()
    with server(pieces) as (url, visits), little_memory():
        failed = sent(HttpRequest("GET", ""), url + SIGNED)

    assert (failed.error_class, failed.code) == (ErrorClass.RETRY, code)
    assert "secret" not in str(failed)
    assert len(visits) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "{trap}/stolen",
        "//{host}/stolen",
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://[",
        "\xff\xfe",
    ],
)
def test_redirect_is_not_followed(status, target):
    with server(lambda: [HEAD + b"Content-Length: 2\r\n\r\nok"]) as (trap, trapped):
        location = target.format(trap=trap, host=trap.removeprefix("http://")).encode("latin-1")
        redirect = b"HTTP/1.1 %d Over There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
        with server(lambda: [redirect]) as (url, visits):
            reply = vendor_http.send(HttpRequest("GET", url, {"Authorization": "secret"}))

        assert (reply.status, len(visits), trapped) == (status, 1, [])


@pytest.mark.parametrize("name", VENDORS)
def test_redirect_is_an_unusable_reply(name):
    with pytest.raises(AsrError, match="HTTP 302") as refused:
        VENDORS[name].read_submit(
            HttpReply(302, b"<html>Moved</html>", {"location": "http://127.0.0.1/"}), a_recognition_request()
        )

    assert (refused.value.code, refused.value.vendor) == ("Http302", name)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 7\r\n\r\nok", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nok", id="a negative chunk length"),
        pytest.param(b"HTTP/1.1 99999 OK\r\n\r\n", id="an invalid status"),
        pytest.param(b"ICY 200 OK\r\n\r\n", id="another protocol"),
        pytest.param(b"\0" * 100, id="zeros"),
    ],
)
def test_malformed_http_is_a_retryable_connection_error(head):
    with server(lambda: [head]) as (url, _):
        failed = sent(HttpRequest("GET", ""), url)

    assert (failed.error_class, failed.code) == (ErrorClass.RETRY, "ConnectionFailed")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok", b"ok", id="a length below zero"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok", b"ok", id="a length of 5,000 digits"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"a=" * 20_000 + b"\r\n\r\nok", b"ok", id="a long cookie"),
        pytest.param(b"HTTP/1.1 200 OK\r\n: \r\nno header\r\n\r\nok", b"ok", id="invalid headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", b"ok", id="more than declared"),
    ],
)
def test_unusual_response_headers_are_accepted(head, body):
    with server(lambda: [head]) as (url, _):
        assert sent(HttpRequest("GET", ""), url).body == body


def questions(vendor, part=1):
    """Return every parser of a vendor, for a body with HTTP 200, or a callback of this part of the largest."""
    request, headers = (
        a_recognition_request(),
        {"x-api-status-code": "20000000"} if vendor.name == "volcengine-bigmodel" else {},
    )
    yield lambda body: vendor.read_submit(HttpReply(200, body, headers), request)
    if Completion.QUERY in vendor.completion_modes:
        yield lambda body: vendor.read_query(HttpReply(200, body, headers), request)
    if Completion.CALLBACK in vendor.completion_modes:
        yield lambda body: vendor.read_callback(body[: LARGEST_CALLBACK_BYTES // part], "", request)


def result_or_error(read, body):
    try:
        return read(body)
    except AsrError as error:
        return error


LARGEST_CALLBACK_BYTES = 6 * MEGABYTE  # AWS Lambda's largest event
FULL = vendor_http.LARGEST_REPLY_BYTES - 1000


# Each body by its size: memory grows with it, and a part of the largest needs as small a part of the time.
BODIES = {
    "eight million objects": lambda size: b'{"code":0,"a":[' + b"{}," * (size // 3) + b"{}]}",
    "eight million lists": lambda size: b'{"code":0,"a":[' + b"[]," * (size // 3) + b"[]]}",
    "lists in lists": lambda size: b"[" * size,
    "objects in objects": lambda size: b'{"a":' * (size // 5),
    "escapes": lambda size: b"code=0&text=" + b"%5B" * (size // 3),
    "a long message": lambda size: b'{"code":0,"message":"' + b"a" * size + b'"}',
    "a long address": lambda size: b'{"code":0,"message":"https://a.cn/' + b"a" * size + b'"}',
    "a long path": lambda size: b'{"code":0,"message":" /' + b"%2F" * (size // 3) + b'"}',
    "escaped slashes": lambda size: b'{"code":0,"message":"//a.cn' + rb"\/" * (size // 2) + b'"}',
    "a long code": lambda size: b'{"code":"' + b"7" * size + b'"}',
    "a number of 24 million digits": lambda size: b'{"code":' + b"7" * size + b"}",
    "an exponent of 24 million digits": lambda size: b'{"code":1e' + b"9" * size + b"}",
    "900,000 fields": lambda size: b"code=0&" + b"&".join(b"%x=" % n for n in range(size * 3 // 80)),
}


def of_vendors():
    """Return each body with each vendor: a quarter of it in `make test`, all of it in the other pairs."""
    return [
        pytest.param(*each.values, 1 if each.marks else 4, id=each.id, marks=each.marks)
        for each in each_value_once(BODIES, VENDORS)
    ]


@pytest.mark.parametrize(("made", "vendor", "part"), of_vendors())
def test_largest_reply_is_read_in_little_memory(made, vendor, part):
    body = made(FULL // part)
    for read in questions(vendor, part):
        with little_memory(QUARTER_BYTES // part):
            outcome = result_or_error(read, body)

        assert not isinstance(outcome, AsrError) or len(str(outcome)) < 2000


LINES = "[0:0.1,0:0.2]a\n" * (transcript.MOST_UTTERANCES + 1)


def in_lines(name, request):
    if name == "tencent-recording":
        return VENDORS[name].read_callback(f"code=0&requestId=1&text={LINES}".encode(), "", request)
    hidden = json.dumps({"Response": {"Data": {"Status": 2, "Result": LINES}}}).replace("[", "\\u005b")
    return VENDORS[name].read_query(HttpReply(200, hidden.encode()), request)


@pytest.mark.parametrize("name", ["tencent-recording", "tencent-rec-task"])
def test_reply_with_too_many_lines_is_rejected(name):
    with pytest.raises(AsrError, match="no recording does") as refused:
        in_lines(name, a_recognition_request())

    assert refused.value.code == "ResultTooLarge"


def test_reply_with_too_many_objects_is_rejected():
    reply = answer({"code": "0", "data": [{}] * documents.MOST_PARTS})

    with pytest.raises(AsrError, match="more than 200000 objects") as refused:
        VENDORS["abcpen"].read_query(reply, a_recognition_request())

    assert refused.value.code == "ReplyTooLarge"


def write_a_result(utterances):
    """Render this many sentences, as long as the largest result's and each by another speaker, in every format."""
    text = "今天🎙 <b>".ljust(transcript.MOST_CHARACTERS // transcript.MOST_UTTERANCES, "a")
    heard = transcript.recognition(
        Utterance(start_ms=n, end_ms=n + 1, text=text, speaker=str(n).ljust(200, "!")) for n in range(utterances)
    )
    made = transcripts.transcript(heard.utterances)
    exports = Exports(made)
    return made.model_dump_json(), [exports.write(name) for name in exports.formats]


@pytest.mark.parametrize("part", [10, exhaustive(1, id="all of it")])
def test_memory_is_proportional_to_the_result(part):
    """The exports of the largest result are rendered within a function's memory."""
    peak = peak_bytes(partial(write_a_result, transcript.MOST_UTTERANCES // part))

    assert peak < STARTED_BYTES + (MOST_BYTES - STARTED_BYTES) / part
