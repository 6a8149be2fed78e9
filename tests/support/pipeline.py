"""A small pipeline for unit tests: toy vendors, a WAV, and the S3 event that starts a job."""

import io
import wave
from datetime import UTC, datetime
from typing import Any

from asrcore.core.job import Job, new_job
from asrcore.core.transcript import Source
from asrcore.core.vendor import Completion
from asrcore.job_creation import handle_new_objects
from tests.support.fake_services import START, World
from tests.support.toy import Script, Toy

KEY = "incoming/auto/meeting.wav"
SOURCE = Source(bucket="audio", key=KEY, version_id="v1", etag="", size_bytes=0, sequencer="0A")

FOREVER = datetime(2100, 1, 1, tzinfo=UTC)  # the expiry of a callback address

SYNC = Toy("toy-sync", Completion.SYNC)
QUERY = Toy("toy-query", Completion.QUERY)
CALLBACK = Toy("toy-callback", Completion.CALLBACK)
BOTH = Toy("toy-both", Completion.CALLBACK, Completion.QUERY)


def wav(seconds: float = 1.0, *, rate: int = 16000, channels: int = 1) -> bytes:
    """A WAV of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(int(seconds * rate) * 2 * channels))
    return out.getvalue()


def world(*words: str | Exception, vendors: tuple[Toy, ...] = (QUERY,), **secret: Any) -> World:
    """A world with one recording, vendors in order of preference, and what they will answer."""
    held = {"toy": {"key": "k"}, "callback": {"keys": ["callback-key"]}, **secret}
    made = World(vendors={vendor.name: vendor for vendor in vendors}, send=Script(*words), secret=held)
    made.audio[KEY] = (wav(), {})
    return made


def requests(made: World) -> list[str]:
    """What was sent to vendors: method and the path's first parts."""
    assert isinstance(made.send, Script)
    return [f"{request.method} {request.url.split('/', 3)[3]}" for request in made.send.requests]


def drop(made: World, source: Source = SOURCE) -> Job:
    """Drop the recording; the job as it is afterwards."""
    made.upload_version(source)
    handle_new_objects([source], made.services)
    held = made.jobs.load(new_job(source, START).job_id)
    assert held is not None
    return held
