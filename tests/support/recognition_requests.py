"""Orders, accounts and replies for tests of the vendor modules, and what was read in a reply."""

import json
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from asrcore.core.audio import Audio
from asrcore.core.options import Options
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import (
    ByteStream,
    Delivery,
    HttpReply,
    HttpRequest,
    RecognitionRequest,
    Submission,
    Vendor,
    VendorEndpoint,
)
from tests.support.simulator_control import CREDENTIALS

NOW = 1_700_000_000
AUDIO_URL = "https://audio.example.com/a b.wav?X-Amz-Signature=s%2Bg"
CALLBACK_URL = "https://cb.example.com/callbacks/v/j/1/sig"

WAV = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=4000, bits_per_sample=16)


def a_recognition_request(
    *, size_bytes: int = 128_044, options: dict[str, Any] | None = None, **audio: Any
) -> RecognitionRequest:
    """An order for a short mono WAV at 16 kHz; `audio` replaces properties of it."""
    return RecognitionRequest(
        "job-1", 1, WAV.model_copy(update=audio), size_bytes, Options.model_validate(options or {})
    )


def endpoint_of(vendor: Vendor, base_url: str = "http://127.0.0.1:9", **credentials: str) -> VendorEndpoint:
    return VendorEndpoint(base_url, {**CREDENTIALS[vendor.secret_name], **credentials})


def submission(
    vendor: Vendor,
    request: RecognitionRequest,
    delivery: Delivery | None = None,
    endpoint: VendorEndpoint | None = None,
) -> HttpRequest:
    """The request that submits an order at NOW."""
    return vendor.submit_request(
        Submission(
            request,
            delivery or default_delivery(vendor),
            endpoint or endpoint_of(vendor),
            callback_url=CALLBACK_URL,
            now=NOW,
            nonce=123456,
        )
    )


def default_delivery(vendor: Vendor) -> Delivery:
    """The recording's URL, or its bytes for a vendor that accepts no URL."""
    if vendor.limits.accepts_urls:
        return Delivery(url=AUDIO_URL)
    return Delivery(stream=stream_of(b"RIFF"))


def stream_of(data: bytes) -> ByteStream:
    """Bytes as a stream of two pieces."""
    half = len(data) // 2
    return ByteStream(len(data), lambda: iter((data[:half], data[half:])))


def multipart_of(request: HttpRequest) -> list[tuple[str, bytes]]:
    """The parts of a multipart form by name, in their order, as an independent parser reads them."""
    body = bytes_of(request)
    assert len(body) == len(request.body)
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + body, policy=policy.HTTP).iter_parts()
    return [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]


def answer(document: object, status: int = 200) -> HttpReply:
    """A vendor's JSON reply; text and bytes are sent as they are."""
    if isinstance(document, bytes):
        return HttpReply(status, document)
    text = document if isinstance(document, str) else json.dumps(document)
    return HttpReply(status, text.encode("utf-8", "surrogatepass"))


def bytes_of(request: HttpRequest) -> bytes:
    """The body as it is sent."""
    return request.body if isinstance(request.body, bytes) else b"".join(request.body)


def query_of(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def form_of(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def json_of(request: HttpRequest) -> dict[str, Any]:
    return json.loads(request.body)


def lines(recognition: Recognition) -> list[tuple[int | None, int | None, str, str | None, int | None]]:
    """What was heard, by utterance: start, end, text, speaker, channel."""
    return [(each.start_ms, each.end_ms, each.text, each.speaker, each.channel) for each in recognition.utterances]


def words(recognition: Recognition) -> list[tuple[int | None, int | None, str]]:
    """The words of all utterances: start, end, text."""
    return [(word.start_ms, word.end_ms, word.text) for each in recognition.utterances for word in each.words]
