"""The first hour of a new user: the commands of docs/from-zero.md in their order, up to those that need an account.

`make test` runs one of the two demos; `make test-all` runs both. Two variables leave out what other tests cover:
RECOGNIZER the local recognizer, VENDOR all vendors of the demo but one. The clone uses the packages of the tests'
environment, because `make` needs a minute to install them anew. The first command of asrctl starts as users start it;
the others run the clone's code in processes that are forked after it was imported.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command_stack import CommandStack
from tests.support.doc_examples import ROOT, page_blocks
from tests.support.failure_report import reported
from tests.support.fake_functions import wait_for
from tests.support.operator import Operator
from tests.support.process import running
from tests.support.warm_programs import WarmPrograms

VENDOR, RECORDING = "tencent-sentence", "会议 a+b%20c #1.mp3"
HELLO = (ROOT / "samples/hello.mp3").read_bytes()
WORDS = "Hello, and welcome to the show."
CODE, SAMPLES, OWN, LOCAL, STATUS, SETUP, TRANSCRIBE, DOCTOR = [
    block.body.replace("my recording.mp3", RECORDING)
    for block in page_blocks(ROOT / "docs/from-zero.md")
    if block.language == "sh" and not block.mark
]
ACTIVATE = STATUS.splitlines(keepends=True)[0]
INSTALL = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
EXPLAINS = (
    "tencent-sentence: rejected with AuthFailure.SignatureFailure: the signature does not verify. Check secret_id"
)


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "*",
        "RECOGNIZER": "none",
        "VENDOR": VENDOR,
    }


def type_in(folder: Path, lines: str, *, status: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run lines in a shell that stops at the first error."""
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", lines],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr + done.stdout
    return done


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone of a repository that has the files of this checkout, uncommitted ones included."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, check=True).stdout
    repository, clone = tmp_path / "repository", tmp_path / "asrcore"
    for source in (ROOT / name for name in names.split("\0") if name):
        if source.is_file():
            target = repository / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    commit = "git -c user.name=test -c user.email=test@example.com commit --quiet --message test"
    type_in(repository, f"git init --quiet && git -c core.compression=0 add . && {commit}")
    type_in(tmp_path, CODE.replace("ADDRESS", str(repository)))
    (clone / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.suffix != ".ok":
            (clone / ".venv" / part.name).symlink_to(part)
    (clone / ".venv/local.ok").touch()
    return clone


@contextmanager
def local_stack(clone: Path) -> Iterator[str]:
    """Yield what `make local` shows, while it runs."""
    shown = clone.parent / "shown"
    command = ["bash", "-c", f"exec {LOCAL}"]
    with (
        shown.open("w") as to,
        running(command, cwd=clone, env=environment(clone), stdout=to, stderr=to) as process,
    ):
        wait_for(lambda: "Ctrl-C" in shown.read_text() or process.poll() is not None, 300)
        assert process.poll() is None, shown.read_text()
        with reported(CommandStack(clone)):
            yield shown.read_text()


@pytest.fixture
def preloaded(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPrograms]:
    """Preload the clone's asrctl."""
    with WarmPrograms(tmp_path_factory.mktemp("programs"), clone) as programs:
        yield programs


def test_first_hour_leads_from_clone_to_checked_stack(clone: Path, preloaded: WarmPrograms):
    def run(lines: str, *, status: int = 0) -> "subprocess.CompletedProcess[str]":
        return type_in(clone, f"{ACTIVATE}{preloaded.functions}{lines}", status=status)

    (clone / RECORDING).write_bytes(HELLO)
    own = type_in(clone, OWN)
    with local_stack(clone) as shown:
        type_in(clone, STATUS)
        stored = run(SETUP)
        file = clone / "accounts.json"
        wrong = {"tencent": {**json.loads(file.read_text())["tencent"], "secret_key": "wrong"}}
        file.write_text(json.dumps(wrong))
        explained = run(SETUP.splitlines()[-1], status=1)
        transcribed = run(TRANSCRIBE)
        checked = run(DOCTOR)

    assert f"{RECORDING}, {VENDOR}: {WORDS}" in own.stdout
    page = re.match(r"=+\n\n  The jobs page: (http\S+)\n", shown)[1]
    assert "tencent: stored" in stored.stdout
    assert "next: `python -m asrctl smoke --local`" in stored.stdout
    assert EXPLAINS in explained.stdout
    job = re.search(rf"  ([0-9a-f]{{32}})  COMPLETED    {VENDOR}  ", transcribed.stderr)[1]
    assert transcribed.stdout.splitlines()[1].startswith(WORDS)
    assert transcribed.stdout.endswith(f"subtitles.srt written\n{page}#/jobs/{job}\n")
    assert "Hello" in (clone / "subtitles.srt").read_text("utf-8")
    assert f"the credentials work: {VENDOR}" in checked.stdout
    assert checked.stdout.endswith("\nno problem\n")


@pytest.mark.exhaustive
def test_samples_are_transcribed_in_a_clone(clone: Path):
    demo = type_in(clone, SAMPLES)

    assert re.search(rf"^meeting.wav +{VENDOR} .* COMPLETED ", demo.stdout, re.MULTILINE)


@pytest.mark.exhaustive
def test_installed_command_gets_a_page_in_any_folder(operator: Operator, tmp_path: Path):
    stack = operator.stack
    assert operator.finished(operator.drop(f"incoming/{VENDOR}/{RECORDING}", HELLO))["status"] == "COMPLETED"
    subprocess.run([*INSTALL, str(tmp_path / "installed"), str(ROOT)], timeout=300, check=True)
    place = f"AWS_ENDPOINT_URL={stack.aws_endpoint_url} AWS_DEFAULT_REGION={stack.region}"
    key = f"AWS_ACCESS_KEY_ID={stack.credential} AWS_SECRET_ACCESS_KEY={stack.credential}"
    program = f"PYTHONPATH=installed {sys.executable} installed/bin/asrctl"

    got = type_in(tmp_path, f"{place} {key} {program} get '{VENDOR}/{RECORDING}' --format html")

    assert got.stdout.startswith("<!doctype html>")
    assert WORDS in got.stdout
