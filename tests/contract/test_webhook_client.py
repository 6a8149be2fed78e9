"""The webhook client over real sockets: any response, and any address behind a name."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time
from unittest.mock import Mock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.net.webhook_client import HttpWebhookClient
from tests.support.loopback import closed_port
from tests.support.receiver import Receiver

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@contextlib.contextmanager
def listener(talk, tls=None):
    """The port of a server that calls `talk` with each connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                talk(tls.wrap_socket(connection, server_side=True) if tls else connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def answers(answer):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(answer)
        connection.recv(65536)

    return talk


def drips(beginning, piece):
    """Begin an answer that never ends, a few bytes at a time."""

    def talk(connection):
        connection.recv(65536)
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)
            time.sleep(0.01)

    return talk


def post(url, **options):
    return HttpWebhookClient(**options).post(url, b'{"type":"transcript.completed"}', {"webhook-id": "1"})


@pytest.mark.parametrize("status", [200, 204, 301, 307, 404, 410, 500])
def test_redirect_is_a_status_and_not_followed(status):
    with Receiver(lambda _post: status) as receiver:
        assert post(receiver.url, local=True) == status

    (posted,) = receiver.posts
    assert posted.path == "/told?by=asrcore"
    assert posted.body == b'{"type":"transcript.completed"}'
    assert posted.headers["webhook-id"] == "1"


def test_endless_body_is_not_read():
    with listener(drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)) as port:
        assert post(f"http://127.0.0.1:{port}/", local=True) == 200


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(lambda connection: connection.recv(65536), id="hangs up"),
        pytest.param(lambda connection: time.sleep(5), id="says nothing"),
        pytest.param(answers(b"SSH-2.0-OpenSSH_9.6\r\n"), id="is no web server"),
        pytest.param(answers(b"HTTP/1.1 two hundred\r\n\r\n"), id="has a status that is none"),
        pytest.param(drips(b"HTTP/1.1 ", b"2"), id="drips its status"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nx: ", b"y"), id="drips a header"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), id="has headers without end"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="is always about to answer"),
    ],
)
def test_slow_or_malformed_response_is_a_failure(talk):
    with listener(talk) as port, pytest.raises(AsrError) as failure:
        post(f"http://127.0.0.1:{port}/secret-path", local=True, limit_s=0.3)

    assert (failure.value.error_class, failure.value.code) == (ErrorClass.RETRY, "NoAnswer")
    assert "secret-path" not in str(failure.value)


def test_closed_port_is_a_failure():
    with closed_port() as port, pytest.raises(AsrError, match="ConnectionRefusedError"):
        post(f"http://127.0.0.1:{port}/", local=True)


def test_unknown_host_name_is_a_failure(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror))

    with pytest.raises(AsrError, match="NoAnswer"):
        post("https://unknown.example.com/")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://127.0.0.1:{port}/", id="an address of this machine"),
        pytest.param("https://localhost:{port}/", id="a name for it"),
        pytest.param("https://[::ffff:127.0.0.1]:{port}/", id="IPv4 in IPv6"),
        pytest.param("https://2130706433:{port}/", id="a number"),
        pytest.param("https://127.1:{port}/", id="a short form"),
        pytest.param("https://hooks.lan:{port}/", id="a name of a private network"),
    ],
)
def test_private_address_in_aws_is_rejected_before_sending(url):
    heard = []
    with listener(lambda connection: heard.append(connection.recv(1))) as port, pytest.raises(AsrError) as failure:
        post(url.format(port=port))

    assert (failure.value.error_class, failure.value.code) == (ErrorClass.CONFIG, "WebhookUrlRefused")
    assert heard == []


def test_connection_uses_the_checked_address(monkeypatch):
    tried = []
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)

    def refuse(address, timeout):
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(AsrError, match="ConnectionRefusedError"):
        post("https://receiver.example.com/")

    assert tried == ["93.184.215.14"]


def test_name_with_one_private_address_is_rejected(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)

    with pytest.raises(AsrError, match="WebhookUrlRefused"):
        post("https://moved.example.com/")


def test_plain_http_receiver_in_aws_is_rejected():
    with Receiver() as receiver, pytest.raises(AsrError, match="is not https"):
        post(receiver.url)

    assert receiver.posts == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: its file, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "receiver.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
def secured(certificate):
    """Run a receiver with TLS; yield its port."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with listener(answers(OK), tls) as port:
        yield port


def test_receiver_with_a_trusted_certificate_gets_the_event(secured, certificate):
    assert post(f"https://127.0.0.1:{secured}/", local=True, tls=ssl.create_default_context(cafile=certificate)) == 200


def test_receiver_with_an_untrusted_certificate_gets_nothing(secured):
    with pytest.raises(AsrError, match="SSLCertVerificationError"):
        post(f"https://127.0.0.1:{secured}/", local=True)


def test_certificate_for_another_name_is_rejected(secured, certificate):
    with pytest.raises(AsrError, match="SSLCertVerificationError"):
        post(f"https://localhost:{secured}/", local=True, tls=ssl.create_default_context(cafile=certificate))
