"""Run the demo: upload recordings to a local stack, show the status of each, and download the transcripts to `out/`.

The simulators have scripts of the samples. Any other recording is recognized by the local recognizer; without it the
text is placeholders, labelled as simulated.
"""

import hashlib
import json
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from boto3.dynamodb.types import TypeDeserializer

from asrcore.core.job import JobError
from asrcore.messages import Message, Param
from asrcore.messages.stored import StoredMessage
from asrctl.language import localized, reader_language, translated
from devstack.expand import Json
from devstack.remade import remade
from devstack.settings import LOCAL, OUT, OWN_ENGINE, RECOGNIZER_LOG, SAMPLES, VENDOR_PARAMETERS
from devstack.stack import LocalStack
from recognizer.client import Client
from recognizer.process import RecognizerProcess

AUTOMATIC = "auto"
# Each vendor gets a sample that it accepts; the last two show automatic choice: another language, two channels.
SAMPLES_BY_VENDOR = (
    ("openai-compatible", "news.mp3"),
    ("tencent-sentence", "meeting.wav"),
    ("tencent-rec-task", "story.ogg"),
    ("volcengine-bigmodel", "news.mp3"),
    ("abcpen-offline", "lecture.m4a"),
    ("tencent-recording", "greeting.wav"),
    ("volcengine", "meeting.wav"),
    ("abcpen", "hello.mp3"),
    (AUTOMATIC, "hello.mp3"),
    (AUTOMATIC, "call.wav"),
)
# Recordings as browsers and phones make them, made of samples; none of the vendors accepts them unconverted.
CONVERTED = (("volcengine", "meeting.wav", "meeting.webm"), ("tencent-rec-task", "greeting.wav", "greeting.mov"))
HEADING = (
    Message("cli.column.recording"),
    Message("cli.column.vendor"),
    Message("cli.column.duration"),
    Message("cli.column.status"),
    Message("cli.column.utterances"),
    Message("cli.column.took"),
    Message("cli.column.transcript"),
)
LIMIT_S = 900
REFRESH_S = 0.25
EXCERPT_WIDTH = 72
OWN_EXCERPT_WIDTH = 4 * EXCERPT_WIDTH


@dataclass(frozen=True)
class Recording:
    """A file to upload under its name, for a vendor or for automatic choice."""

    path: Path
    vendor: str
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return the key of its upload."""
        return f"incoming/{self.vendor}/{self.path.name}"


_STAGES = {
    None: Message("cli.demo.dropped"),
    "QUEUED": Message("cli.demo.queued"),
    "IN_PROGRESS": Message("cli.demo.in_progress"),
    "COMPLETED": Message("cli.demo.completed"),
}


@dataclass
class Progress:
    """The status of one recording; `ended_s` is set when it has ended."""

    recording: Recording
    row: Json = field(default_factory=dict)
    failure: Message | None = None
    ended_s: float | None = None
    recognized_ms: int | None = None  # while the recognizer works on it

    @property
    def stage(self) -> str:
        """Return its status in words."""
        return translated(self._stage())

    def _stage(self) -> Message:
        if self.failure:
            return Message("cli.demo.failed", {"problem": self.failure})
        status = self.row.get("status")
        if status == "IN_PROGRESS" and self.row.get("attempts"):
            number = int(self.row["attempts"][-1]["number"])
            if self.recognized_ms is None:
                return Message("cli.demo.with_vendor", {"number": number})
            about: dict[str, Param] = {"number": number, "recognized_s": self.recognized_ms // 30_000 * 30}
            return Message("cli.demo.with_vendor_recognized", about)
        return _STAGES[status]

    @property
    def vendor(self) -> str:
        """Return the chosen vendor, a dash before one is chosen."""
        return str(self.row.get("vendor") or "-")


def run_demo(audio: Path | None, vendor: str | None) -> int:
    """Transcribe `audio`, or the samples, on a new local stack. Return 0, or 1 if a recording failed."""
    print(localized("cli.demo.starts"), flush=True)
    with ExitStack() as running:
        recognizer = None
        if audio:
            recognizer = running.enter_context(RecognizerProcess(explain_recognizer, RECOGNIZER_LOG))
        recordings = (
            own_recordings(audio, vendor, recognizer) if audio else [*sample_recordings(vendor), *converted(vendor)]
        )
        stack = running.enter_context(LocalStack(recognizer=recognizer))
        for recording in recordings:
            stack.client("s3").upload_file(
                str(recording.path), stack.audio_bucket, recording.key, ExtraArgs={"Metadata": recording.metadata}
            )
        progresses = _watch(stack, recordings, recognizer.client() if recognizer else None)
        transcripts = {id(progress): _fetch(stack, progress) for progress in progresses}
    _report(progresses, [transcripts[id(progress)] for progress in progresses])
    return 1 if any(progress.failure for progress in progresses) else 0


def explain_recognizer(problem: str) -> None:
    """Print that transcripts of the user's recordings are placeholders, and why."""
    print(localized("cli.demo.no_recognizer", problem=problem), file=sys.stderr, flush=True)


def own_recordings(audio: Path, vendor: str | None, recognizer: RecognizerProcess | None) -> list[Recording]:
    """Return the user's recording for one vendor; without one, for two simulated vendors and the recognizer."""
    if vendor:
        return [Recording(audio, vendor)]
    second = "volcengine-bigmodel" if audio.suffix.lower() in {".wav", ".mp3", ".ogg"} else "abcpen-offline"
    has_own_engine = OWN_ENGINE in VENDOR_PARAMETERS and recognizer is not None and recognizer.url is not None
    return [Recording(audio, each) for each in (AUTOMATIC, second, *([OWN_ENGINE] if has_own_engine else []))]


def sample_recordings(vendor: str | None = None) -> list[Recording]:
    """Return the samples, each for a vendor that accepts it; only those of `vendor` if it is given."""
    scripts = json.loads((SAMPLES / "scripts.json").read_text(encoding="utf-8"))
    return [
        Recording(SAMPLES / name, chosen, _metadata(SAMPLES / name, scripts))
        for chosen, name in SAMPLES_BY_VENDOR
        if vendor in (None, chosen)
    ]


def converted(vendor: str | None = None) -> list[Recording]:
    """Make a browser's recording and a phone's video of samples, each for a vendor that needs it converted."""
    return [
        Recording(remade(SAMPLES / sample, OUT / "recordings" / name), chosen)
        for chosen, sample, name in CONVERTED
        if vendor in (None, chosen)
    ]


def _metadata(path: Path, scripts: Json) -> dict[str, str]:
    """Return the metadata of a sample: its language, unless it is the vendors' default, Mandarin."""
    language = scripts.get(hashlib.sha256(path.read_bytes()).hexdigest(), {}).get("language", "zh-CN")
    return {} if language == "zh-CN" else {"asr-language": language}


def _watch(stack: LocalStack, recordings: Sequence[Recording], recognizer: Client | None) -> list[Progress]:
    """Show the status of every recording until all have ended or LIMIT_S has passed."""
    started = time.monotonic()
    progresses = [Progress(recording) for recording in recordings]
    show = _show_list if sys.stdout.isatty() else _show_changes()
    while any(progress.ended_s is None for progress in progresses):
        elapsed_s = time.monotonic() - started
        rows = {row["source"]["key"]: row for row in _rows(stack)}
        lost = _lost_events(stack)
        done_ms = recognizer.done_ms() if recognizer else None  # one recording for all vendors: recognized for all
        for progress in progresses:
            progress.recognized_ms = done_ms
            _update(progress, rows, lost, elapsed_s)
        show(progresses, elapsed_s)
        time.sleep(REFRESH_S)
    return progresses


def _update(progress: Progress, rows: dict[str, Json], lost: dict[str, str], elapsed_s: float) -> None:
    if progress.ended_s is not None:
        return
    key = progress.recording.key
    progress.row = rows.get(key, {})
    if progress.row.get("status") == "FAILED":
        progress.failure = _reason(progress.row.get("error", {}))
    elif key in lost:
        progress.failure = Message("cli.demo.submit_failed", {"problem": lost[key], "logs": f"{LOCAL.name}/logs"})
    elif elapsed_s > LIMIT_S:
        progress.failure = Message("cli.demo.no_result", {"limit_s": LIMIT_S, "logs": f"{LOCAL.name}/logs"})
    if progress.failure or progress.row.get("status") == "COMPLETED":
        progress.ended_s = elapsed_s


def _rows(stack: LocalStack) -> Iterable[Json]:
    """Yield all job rows of the stack as plain values."""
    plain = TypeDeserializer().deserialize
    for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.jobs_table):
        for item in page["Items"]:
            row = {name: plain(value) for name, value in item.items()}
            if "source" in row:
                yield row


def _lost_events(stack: LocalStack) -> dict[str, str]:
    """Return the error of each event in SubmitFunction's on-failure queue, by object key."""
    reply = stack.client("sqs").receive_message(
        QueueUrl=stack.failed_events_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    lost = {}
    for message in reply.get("Messages", []):
        envelope = json.loads(message["Body"])
        for record in envelope["requestPayload"].get("Records", []):
            error = envelope["responsePayload"]
            lost[unquote_plus(record["s3"]["object"]["key"])] = f"{error['errorType']}: {error['errorMessage']}"
    return lost


def _reason(stored: Json) -> Message:
    error = JobError.model_validate(stored).in_language(reader_language())
    by = " ".join(name for name in (error.vendor, error.code) if name)
    return Message("cli.demo.reason", {"problem": error.message, "class": str(error.class_), "by": by})


def _show_changes() -> Callable[[Sequence[Progress], float], None]:
    """Return a function that prints a line for each change, for pipes and logs."""
    shown: dict[str, tuple[str, str]] = {}

    def show(progresses: Sequence[Progress], elapsed_s: float) -> None:
        for progress in progresses:
            now = (progress.vendor, progress.stage)
            if shown.get(progress.recording.key) != now:
                shown[progress.recording.key] = now
                print(_line(progress, elapsed_s), flush=True)

    return show


def _show_list(progresses: Sequence[Progress], elapsed_s: float) -> None:
    """Print all lines over the previous ones; the cursor stays above them until all have ended."""
    print("".join(f"\x1b[2K{_line(progress, elapsed_s)}\n" for progress in progresses), end="")
    if any(progress.ended_s is None for progress in progresses):
        print(f"\x1b[{len(progresses)}A", end="", flush=True)


def _line(progress: Progress, elapsed_s: float) -> str:
    taken_s = elapsed_s if progress.ended_s is None else progress.ended_s
    stage = progress.stage.splitlines()[0]  # the report prints the rest
    return f"  {_fit(progress.recording.path.name, 24)} {_fit(progress.vendor, 20)} {taken_s:5.1f} s  {stage}"


def _fetch(stack: LocalStack, progress: Progress) -> Json | None:
    """Download a transcript and its exports under their own keys; return the transcript, None if there is none."""
    key = progress.row.get("transcript_key")
    if progress.failure or not key:
        return None
    s3 = stack.client("s3")
    stem = key.removesuffix(".json")
    for item in s3.list_objects_v2(Bucket=stack.transcript_bucket, Prefix=f"{stem}.").get("Contents", []):
        path = OUT / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(stack.transcript_bucket, item["Key"], str(path))
    transcript: Json = json.loads((OUT / key).read_text(encoding="utf-8"))
    return transcript


def _report(progresses: Sequence[Progress], transcripts: Sequence[Json | None]) -> None:
    print()
    table = [tuple(map(translated, HEADING)), *(_cells(*pair) for pair in zip(progresses, transcripts, strict=True))]
    widths = [max(_width(row[column]) for row in table) for column in range(len(HEADING))]
    for row in table:
        print("  ".join(_fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
    is_own = len({progress.recording.path for progress in progresses}) == 1
    for progress, transcript in zip(progresses, transcripts, strict=True):
        name = f"{progress.recording.path.name}, {progress.vendor}" if is_own else progress.recording.path.name
        if transcript is None:
            print(localized("cli.demo.result", name=name, result=progress.stage))
            continue
        excerpt = _excerpt(transcript, OWN_EXCERPT_WIDTH if is_own else EXCERPT_WIDTH)
        print(localized("cli.demo.result", name=name, result=excerpt))
        for warning in progress.row.get("warnings", []):
            stored = StoredMessage.model_validate(warning)
            print(localized("cli.demo.warning", warning=stored.in_language(reader_language()).text))


def _cells(progress: Progress, transcript: Json | None) -> tuple[str, ...]:
    duration_ms = (progress.row.get("audio") or {}).get("duration_ms")
    return (
        progress.recording.path.name,
        progress.vendor,
        "-" if duration_ms is None else f"{float(duration_ms) / 1000:.1f} s",
        "FAILED" if progress.failure else "COMPLETED",
        "-" if transcript is None else str(len(transcript["utterances"])),
        f"{progress.ended_s or 0:.1f} s",
        "-" if transcript is None else f"{OUT.name}/{progress.row['transcript_key']}",
    )


def _excerpt(transcript: Json, width: int) -> str:
    text = " ".join(transcript["text"].split()) or localized("cli.demo.silence")
    return text if _width(text) <= width else f"{_cut(text, width - 4)} ..."


def _width(text: str) -> int:
    """Return the columns on a terminal: Chinese characters need two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _cut(text: str, width: int) -> str:
    while _width(text) > width:
        text = text[:-1]
    return text


def _fit(text: Any, width: int) -> str:
    cut = _cut(str(text), width)
    return cut + " " * (width - _width(cut))
