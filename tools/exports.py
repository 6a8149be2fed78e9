"""The documentation's excerpts of transcripts and exports, as the local stack makes them from the samples.

`python -m tools.exports` has the stack transcribe each sample of the demo and rewrites what stands between
`<!-- transcript -->` or `<!-- exports -->` and `<!-- end -->`.
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
from devstack.demo import Recording, sample_recordings
from devstack.stack import LocalStack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIMIT_S = 120
SHOWN = "news.mp3"  # whose transcript is shown
_MARKED = re.compile(r"(<!-- (transcript|exports) -->\n).*?(<!-- end -->)", re.DOTALL)
DOCUMENTS = tuple(
    page
    for page in sorted((Path(__file__).parents[1] / "docs").rglob("*.md"))
    if _MARKED.search(page.read_text("utf-8"))
)
_FIRST_TURN = re.compile(r'"turns":\[\[[^"]*"[^"]*"')  # in the data of the page
_HEADER = ("sample", "vendor", "`.json`", "`.txt`", "`.srt`", "`.vtt`", "`.html`")


def excerpts(stack: LocalStack) -> Mapping[str, str]:
    """A transcript that is cut short, and a row per sample: how each of its exports begins.

    Raises TimeoutError when the stack takes too long.
    """
    # Each once: where the demo gives a sample to several vendors, to the last of them.
    samples = {recording.path.name: recording for recording in sample_recordings()}.values()
    for each in samples:
        stack.client("s3").upload_file(
            str(each.path), stack.audio_bucket, _key(each), ExtraArgs={"Metadata": each.metadata}
        )
    made = {each.path.name: _exports(stack, _key(each)) for each in samples}
    lines = [_HEADER, tuple("---" for _ in _HEADER), *(_row(name, exports) for name, exports in made.items())]
    return {
        "transcript": _cut_short(json.loads(made[SHOWN]["json"])),
        "exports": "".join(f"| {' | '.join(line)} |\n" for line in lines),
    }


def rewritten(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with other excerpts."""
    return _MARKED.sub(lambda match: f"{match[1]}{parts[match[2]]}{match[3]}", text)


def _key(recording: Recording) -> str:
    return f"incoming/{recording.vendor}/exports/{recording.path.name}"


def _exports(stack: LocalStack, key: str) -> Mapping[str, str]:
    """A sample's transcript and exports, as soon as all are there."""
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
    """A transcript with one utterance of one word, as a block of JSON."""
    first = document["utterances"][0]
    shown = {name: first[name] for name in ("start_ms", "end_ms", "text", "speaker", "channel")}
    parts = [
        {**{name: document[name] for name in ("schema", "vendor", "language")}, "text": f"{document['text'][:18]}…"},
        {"audio": document["audio"]},
        {"utterances": [{**shown, "words": first["words"][:1]}]},
    ]
    lines = [json.dumps(part, ensure_ascii=False)[1:-1] for part in parts]
    return f"```json\n{{{(',' + chr(10) + ' ').join(lines)}}}\n```\n"


def _row(sample: str, exports: Mapping[str, str]) -> tuple[str, ...]:
    document = json.loads(exports["json"])
    first = {name: document["utterances"][0][name] for name in ("start_ms", "end_ms", "text", "speaker", "channel")}
    cells = (
        f"{json.dumps(first, ensure_ascii=False).removesuffix('}')}, …",
        exports["txt"].splitlines()[0],
        *("\n".join(_first_cue(exports[name])) for name in ("srt", "vtt")),
        *(f"{found}, …" for found in _FIRST_TURN.findall(exports["html"])),
    )
    shown = ("<br>".join(f"`{line}`" for line in cell.splitlines()) for cell in cells)
    return (f"`{sample}`", f"`{document['vendor']}`", *shown)


def _first_cue(subtitles: str) -> list[str]:
    """From its times to the empty line behind it."""
    from_times = itertools.dropwhile(lambda line: " --> " not in line, subtitles.splitlines())
    return list(itertools.takewhile(bool, from_times))


def main() -> int:
    """Rewrite the excerpts of every page."""
    with tempfile.TemporaryDirectory() as folder, LocalStack(turnaround_s=0.3, log_dir=Path(folder)) as stack:
        parts = excerpts(stack)
    for document in DOCUMENTS:
        document.write_text(rewritten(document.read_text(encoding="utf-8"), parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
