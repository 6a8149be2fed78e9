"""Remote recordings: an https URL, stored in the audio bucket as an object with no other content.

The vendor fetches such a recording itself, and the probe does not read it: only its name is known. The URL may be
signed and is a secret, so rows, logs and events have the object's key, never its content.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from asrcore.core.addresses import is_public_host
from asrcore.core.audio import Audio
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message

REMOTE = "linked/"
LONGEST_URL = 2048  # the longest that vendors accept
LONGEST_NAME = 200
_HTTPS_PORT = 443
_HOST = re.compile(r"[A-Za-z0-9.:-]+")
# What a URL may have (RFC 3986); anything else must be percent-encoded.
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
# By the usual extensions: the format, and the codec that is nearly always in it. The properties of raw PCM are unknown.
USUAL_CONTENT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "wav": ("wav", "pcm_s16le"),
        "mp3": ("mp3", "mp3"),
        "m4a": ("m4a", "aac"),
        "mp4": ("mp4", "aac"),
        "flac": ("flac", "flac"),
        "ogg": ("ogg", "opus"),
        "opus": ("ogg", "opus"),
        "aac": ("aac", "aac"),
        "amr": ("amr", "amr_nb"),
        "wma": ("wma", "wmav2"),
        "flv": ("flv", "aac"),
        "3gp": ("3gp", "amr_nb"),
        "silk": ("silk", "silk"),
    }
)


@dataclass(frozen=True)
class RemoteUrl:
    """The parts of a URL. host: as written, without a port.  target: path and query."""

    url: str = field(repr=False)
    is_https: bool
    host: str
    port: int
    target: str = field(repr=False)

    @property
    def extension(self) -> str:
        """The file extension of the path in lower case, without the dot; "" without one."""
        _, dot, extension = unquote(urlsplit(self.target).path.rpartition("/")[2]).rpartition(".")
        return extension.lower() if dot else ""


def parse_remote_url(url: str, *, local: bool = False) -> RemoteUrl:
    """Parse a URL that may be fetched: https on its usual port, without user, password and private IP address.

    local: allows http, this machine and any port, for development. Host names are not resolved.
    Raises AsrError(config, BadUrl), whose message does not repeat the URL.
    """
    if len(url) > LONGEST_URL:
        raise _bad(Message("BadUrl.too-long", {"characters": len(url), "most": LONGEST_URL}))
    if not _URL.fullmatch(url):
        raise _bad(Message("BadUrl.characters"))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad(Message("BadUrl.no-url")) from None
    is_https = parts.scheme == "https"
    if not is_https and not (local and parts.scheme == "http"):
        raise _bad(Message("BadUrl.not-https"))
    if parts.username is not None or parts.password is not None:
        raise _bad(Message("BadUrl.credentials"))
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise _bad(Message("BadUrl.no-host"))
    if port not in {None, _HTTPS_PORT} and not local:
        raise _bad(Message("BadUrl.port", {"port": port or 0, "allowed_port": _HTTPS_PORT}))
    if not local and not is_public_host(parts.hostname):
        raise _bad(Message("BadUrl.private"))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return RemoteUrl(url, is_https, parts.hostname, port or (_HTTPS_PORT if is_https else 80), target)


def is_remote(key: str) -> bool:
    """Return whether an object of the audio bucket contains a recording's URL instead of the recording."""
    return key.startswith(REMOTE)


def address_prefix(job_id: str) -> str:
    """Return the beginning of the keys of all addresses among a job's options."""
    return f"{REMOTE}{job_id}/"


def address_key(job_id: str, url: str) -> str:
    """Return the key under which an address among a job's options is stored."""
    return f"{address_prefix(job_id)}{hashlib.sha256(url.encode()).hexdigest()[:32]}"


def remote_audio(key: str) -> Audio:
    """Return the usual audio for a file name's extension. Raises AsrError(bad_audio) for an unknown extension."""
    extension = key.rpartition(".")[2].lower()
    if extension not in USUAL_CONTENT:
        extensions = [f".{each}" for each in USUAL_CONTENT]
        raise AsrError(ErrorClass.BAD_AUDIO, "UnknownFormat", Message("UnknownFormat", {"extensions": extensions}))
    format_, codec = USUAL_CONTENT[extension]
    return Audio(format=format_, codec=codec, sample_rate_hz=None, channels=None, duration_ms=None)


def safe_name(name: str) -> str:
    """Return a file name as part of a key: no folders, no control characters, at most 200 characters, extension kept.

    S3 replaces `${filename}` with the browser's file name, so it is removed. The result may be empty.
    """
    folded = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    kept = "".join("_" if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else each for each in folded)
    kept = re.sub(r"\.{2,}", ".", kept.replace("${", "__")).strip(" .")
    stem, dot, extension = kept.rpartition(".")
    if not dot or len(extension) > 10:
        return kept[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - len(extension) - 1]}.{extension}"


def _bad(what: Message) -> AsrError:
    return AsrError(ErrorClass.CONFIG, "BadUrl", Message("BadUrl", {"what": what}))
