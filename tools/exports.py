"""The documentation's excerpts of a transcript and its exports, as the local stack makes them from a sample.

`python -m tools.exports` has the stack transcribe the sample and rewrites what stands between `<!-- transcript -->` or
`<!-- exports -->` and `<!-- end -->`.
"""

import itertools
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrcore.render import FORMATS
from devstack.demo import sample_recordings
from devstack.stack import LocalStack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIMIT_S = 120
SAMPLE = "call.wav"  # a telephone call, a channel for each side
SHOWN = ("txt", "srt", "vtt")
_MARKED = re.compile(r"(<!-- (transcript|exports) -->\n).*?(<!-- end -->)", re.DOTALL)
DOCUMENTS = tuple(
    page
    for page in sorted((Path(__file__).parents[1] / "docs").rglob("*.md"))
    if _MARKED.search(page.read_text("utf-8"))
)


def excerpts(stack: LocalStack) -> Mapping[str, str]:
    """Return the sample's transcript, cut short, and how its exports begin.

    Raises TimeoutError when the stack takes too long.
    """
    (recording,) = (each for each in sample_recordings() if each.path.name == SAMPLE)
    key = f"incoming/{recording.vendor}/exports/{SAMPLE}"
    stack.client("s3").upload_file(
        str(recording.path), stack.audio_bucket, key, ExtraArgs={"Metadata": recording.metadata}
    )
    made = _exports(stack, key)
    return {
        "transcript": _cut_short(json.loads(made["json"])),
        "exports": "\n".join(f"```text\n{SAMPLE}.{name}\n{_first_lines(made[name])}```\n" for name in SHOWN),
    }


def rewritten(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with other excerpts."""
    return _MARKED.sub(lambda match: f"{match[1]}{parts[match[2]]}{match[3]}", text)


def _exports(stack: LocalStack, key: str) -> Mapping[str, str]:
    """Return a recording's transcript and exports, as soon as all are there."""
    s3, bucket = stack.client("s3"), stack.transcript_bucket
    keys = {name: f"transcripts/{key}.{name}" for name in ("json", *FORMATS)}
    deadline = time.monotonic() + LIMIT_S
    while s3.list_objects_v2(Bucket=bucket, Prefix=f"transcripts/{key}.")["KeyCount"] < len(keys):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{key} has no transcript after {LIMIT_S} s")
        time.sleep(0.1)
    return {name: _text(s3, bucket, each) for name, each in keys.items()}


def _text(s3: "S3Client", bucket: str, key: str) -> str:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body.decode()


def _cut_short(document: Mapping[str, Any]) -> str:
    """Return a transcript with one utterance of one word, as a block of JSON."""
    first = document["utterances"][0]
    shown = {name: first[name] for name in ("start_ms", "end_ms", "text", "speaker", "channel")}
    parts = [
        {**{name: document[name] for name in ("schema", "vendor", "language")}, "text": document["text"]},
        {"audio": document["audio"]},
        {"utterances": [{**shown, "words": first["words"][:1]}]},
    ]
    lines = [json.dumps(part, ensure_ascii=False)[1:-1] for part in parts]
    return f"```json\n{{{(',' + chr(10) + ' ').join(lines)}}}\n```\n"


def _first_lines(export: str) -> str:
    """Return the first seven lines: two cues of subtitles."""
    return "".join(itertools.islice(export.splitlines(keepends=True), 7))


def main() -> int:
    """Rewrite the excerpts of every page."""
    with tempfile.TemporaryDirectory() as folder, LocalStack(turnaround_s=0.3, log_dir=Path(folder)) as stack:
        parts = excerpts(stack)
    for document in DOCUMENTS:
        document.write_text(rewritten(document.read_text(encoding="utf-8"), parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
