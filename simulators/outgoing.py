"""Download audio and post callbacks, each with a time limit, without proxy or cookies."""

import socket
import time
from collections.abc import Mapping
from typing import IO
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

CONNECT_S = 5.0
READ_S = 15.0
DOWNLOAD_S = 600.0
CHUNK_BYTES = 256 * 1024
MAX_REDIRECTS = 5

# Names of this machine for a container, or a bucket's virtual host; not every resolver has them.
LOCAL_NAMES = ("host.docker.internal", "localhost")


class DownloadError(Exception):
    """The audio cannot be downloaded: unreachable, too slow, or another status than 200."""


class OversizeError(Exception):
    """The audio has more bytes than the vendor accepts."""


def download(url: str, target: IO[bytes], *, max_bytes: int, follow_redirects: bool) -> None:
    """Download an http(s) URL to `target`, at most `max_bytes`.

    Raises DownloadError and OversizeError. Without follow_redirects a redirect is a failure.
    """
    try:
        for _ in range(MAX_REDIRECTS if follow_redirects else 1):
            response = _get(url)
            with response:
                if response.is_redirect and follow_redirects:
                    url = urljoin(url, response.headers["Location"])
                    continue
                if response.status_code != 200:
                    raise DownloadError(f"the audio URL answered HTTP {response.status_code}")
                _copy(response, target, max_bytes)
                return
        raise DownloadError(f"the audio URL redirected more than {MAX_REDIRECTS} times")
    except (requests.RequestException, ValueError) as error:
        # Only the class: the text of such an error repeats the signed URL.
        raise DownloadError(f"the audio URL could not be read: {type(error).__name__}") from None


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> requests.Response:
    """Post a callback; raises requests.RequestException if no answer arrives."""
    address, host = _reachable(url)
    with _session() as session:
        return session.post(
            address,
            data=body,
            headers={**headers, **host},
            timeout=(min(CONNECT_S, timeout_s), timeout_s),
            allow_redirects=False,
        )


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy and no netrc: a vendor has no credentials of this machine
    return session


def _get(url: str) -> requests.Response:
    address, headers = _reachable(url)
    return _session().get(
        address,
        # Bytes as stored: a compressed transfer would hide the true size.
        headers={**headers, "Accept-Encoding": "identity"},
        timeout=(CONNECT_S, READ_S),
        stream=True,
        allow_redirects=False,
    )


def _copy(response: requests.Response, target: IO[bytes], max_bytes: int) -> None:
    deadline = time.monotonic() + DOWNLOAD_S
    received = 0
    for chunk in response.iter_content(CHUNK_BYTES):
        received += len(chunk)
        if received > max_bytes:
            raise OversizeError(f"the audio has more than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise DownloadError(f"the audio URL took longer than {DOWNLOAD_S:.0f} s")
        target.write(chunk)


def _reachable(url: str) -> tuple[str, dict[str, str]]:
    """Return the address to connect to, and the Host header that keeps a signed URL valid."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = any(host == name or host.endswith(f".{name}") for name in LOCAL_NAMES)
    if not local or _resolves(host):
        return url, {}
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"127.0.0.1{port}")), {"Host": f"{host}{port}"}


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
