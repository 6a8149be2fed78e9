"""What asrctl writes: tables, colours, JSON, progress; and that it exits quietly when the reader has gone."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import new_job
from asrctl.cli import commands
from asrctl.live import LiveTable
from asrctl.output import write_content, write_json, write_lines
from asrctl.progress import ProgressReporter
from asrctl.result import TextTable
from asrctl.run import Invocation
from asrctl.shapes import SHAPES, JobKey, ReconcileShape
from asrctl.streams import ClosedPipeStream
from tests.support.fake_services import START
from tests.support.pipeline import SOURCE
from tests.support.reasons import reason

ROOT = Path(__file__).parents[2]
JOB = new_job(SOURCE, START)
TABLE = TextTable(("recording", "state"), [("会议.wav", "FAILED"), ("a.wav", "COMPLETED")])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "20")
    return Terminal()


def written(stream, *lines):
    write_lines(lines, stream, "en")
    return stream.getvalue()


def test_table_with_chinese_names_aligns_its_columns():
    lines = written(io.StringIO(), TABLE).split("\n")

    assert lines == ["recording  state", "会议.wav   FAILED", "a.wav      COMPLETED", ""]


def test_table_on_a_narrow_terminal_is_not_cut(terminal):
    assert "x" * 100 in written(terminal, TextTable(("name",), [("x" * 100,)]))


def test_table_on_a_terminal_has_colours(terminal):
    assert "\x1b[31mFAILED\x1b[0m" in written(terminal, TABLE)


def test_table_with_no_color_has_no_colours(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[3" not in written(terminal, TABLE)


@pytest.mark.parametrize("text", ["[red]a[/red]", ":warning:"])
def test_text_with_markup_is_written_as_it_is(text):
    assert written(io.StringIO(), text) == f"{text}\n"


def test_text_with_control_characters_is_made_printable():
    assert written(io.StringIO(), "a\x1b[2Jb\r") == "a\ufffd[2Jb\ufffd\n"


def test_json_of_any_key_is_exact():
    key = "incoming/auto/\u202e\x1bhttps://a/b?c=d\ud83c.wav"
    found = JobKey(job_id="https://signed.example/?X-Amz-Signature=1", key=key)
    stream = io.StringIO()

    write_json(ReconcileShape(submitted=[found], brought_back=[], missing=[], dry_run=True), stream)

    (row,) = json.loads(stream.getvalue())["submitted"]
    assert row == {"job_id": "(an address)", "key": key}
    assert stream.getvalue().isascii()


def test_content_in_a_pipe_is_exact_and_utf_8():
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="gbk")

    write_content("\x1bé\r\n会议 https://a/b?c", ClosedPipeStream(pipe))

    assert pipe.buffer.getvalue() == "\x1bé\r\n会议 https://a/b?c".encode()


def test_content_on_a_terminal_cannot_control_it(terminal):
    write_content("1\n\x1b[2J\n", terminal)

    assert terminal.getvalue() == "1\n\ufffd[2J\n"


def test_table_of_jobs_on_a_terminal_is_redrawn_and_fits(terminal, monkeypatch):
    monkeypatch.setenv("LINES", "3")

    with LiveTable(terminal, "en") as table:
        table.show([], START)
        table.show([JOB, JOB], START)

    assert "no job yet" in terminal.getvalue()
    rows = {re.sub("\x1b\\[[0-9;]*m", "", line) for line in terminal.getvalue().splitlines() if JOB.job_id[:8] in line}
    assert rows == {f"{JOB.job_id[:8]}  QUEUED  -…"}


def test_table_of_jobs_in_a_log_has_a_line_for_each_change():
    log = io.StringIO()
    later = JOB.fail(AsrError(ErrorClass.CONFIG, "1002", reason("no licence"), "abcpen"), START)

    with LiveTable(log, "en") as table:
        for job in (JOB, JOB, later):
            table.show([job], START)

    assert log.getvalue().splitlines() == [
        f"03:04:05  {JOB.job_id}  QUEUED       -  incoming/auto/meeting.wav",
        f"03:04:05  {JOB.job_id}  FAILED       -  1002 (config)  incoming/auto/meeting.wav",
    ]


def test_table_of_jobs_on_a_dumb_terminal_has_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")

    with LiveTable(terminal, "en") as table:
        table.show([JOB], START)

    assert terminal.getvalue() == f"03:04:05  {JOB.job_id}  QUEUED       -  incoming/auto/meeting.wav\n"


def test_address_is_opened_for_a_terminal_only(terminal, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    for stream in (io.StringIO(), terminal):
        monkeypatch.setattr("sys.stdout", stream)
        Invocation.browse("http://127.0.0.1/")

    assert opened == ["http://127.0.0.1/"]


def leaves(group, name=""):
    for each in group.commands.values():
        path = f"{name} {each.name}".strip()
        yield from leaves(each, path) if hasattr(each, "commands") else [(path, each)]


def test_every_command_has_json_and_a_published_shape():
    found = dict(leaves(commands))

    assert set(found) == set(SHAPES)
    assert [
        name for name, each in found.items() if "--json" not in [opt for param in each.params for opt in param.opts]
    ] == []


def run_shell(line, **environment):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=ROOT,
        env={"PATH": path, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", ["--help", "list --help", "--version"])
def test_reader_that_stops_reading_ends_the_command_quietly(command):
    done = run_shell(f"python -m asrctl {command} | true")

    assert (done.returncode, done.stderr) == (0, "")


WRITES = """
import sys
from asrctl import __main__, cli
from asrctl.live import LiveTable
from asrctl.output import write_content, write_json, write_lines
from asrctl.shapes import BackfillStopShape

def main():
    sys.stdin.read()
    for _ in range(3):
        write_lines(["x" * 1_000_000], sys.stdout, "en")
        write_json(BackfillStopShape(run="y" * 1_000_000), sys.stdout)
        write_lines(["progress"], sys.stderr, "en")
    return 1

__main__.main = main
__main__.run()
"""


@pytest.mark.parametrize("pipe", ["| head -c 1", "2>&1 | head -c 1"])
def test_reader_that_stops_in_long_output_changes_no_status(pipe):
    done = run_shell(f'python -c "$PROGRAM" < /dev/null {pipe}', PROGRAM=WRITES)

    assert done.returncode == 1
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr


SLOW = {
    "boto3",
    "botocore",
    "pydantic",
    "rich",
    "requests",
    "asrcore.vendors",
    "asrcore.core.job",
    "aws_lambda_powertools",
}


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"ARGUMENTS": "--help"}, id="help"),
        pytest.param({"ARGUMENTS": "list --help"}, id="help of a command"),
        pytest.param({"ARGUMENTS": "--version"}, id="version"),
        pytest.param(
            {"_ASRCTL_COMPLETE": "bash_complete", "COMP_WORDS": "asrctl st", "COMP_CWORD": "1"}, id="completion"
        ),
    ],
)
def test_help_and_completion_import_nothing_slow(environment):
    program = """
import os, sys
from asrctl.cli import main
try:
    main(os.environ.get("ARGUMENTS", "").split())
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""
    done = run_shell('python -c "$PROGRAM"', PROGRAM=program, **environment)

    assert SLOW & set(done.stderr.split()) == set()
    assert done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        pytest.param(["sta"], "status", id="command"),
        pytest.param(["backfill", "re"], "report", id="command of a group"),
        pytest.param(["list", "--st"], "--status", id="option"),
        pytest.param(["list", "--status", "F"], "FAILED", id="state"),
        pytest.param(["list", "--vendor", "tencent-r"], "tencent-rec-task", id="vendor"),
        pytest.param(["redrive", "--class", "c"], "config", id="class"),
        pytest.param(["queue", "re"], "replay", id="action"),
        pytest.param(["get", "a.wav", "--format", "h"], "html", id="format"),
        pytest.param(["list", "--columns", "job,sta"], "job,status", id="column"),
    ],
)
def test_completion_offers_what_fits(typed, offered):
    environment = {
        "_ASRCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["asrctl", *typed]),
        "COMP_CWORD": str(len(typed)),
    }

    done = CliRunner().invoke(commands, [], prog_name="asrctl", complete_var="_ASRCTL_COMPLETE", env=environment)

    assert f"plain,{offered}" in done.output.split()


@pytest.mark.parametrize(
    ("seconds_each", "lines"),
    [
        pytest.param(0.1, "", id="short work"),
        pytest.param(6.0, "4.0 MB of 8.0 MB uploaded\n8.0 MB of 8.0 MB uploaded\n", id="long work"),
    ],
)
def test_upload_in_a_log_has_a_line_every_ten_seconds(seconds_each, lines):
    moments = (seconds_each * number for number in range(9))
    log = io.StringIO()

    with ProgressReporter(log, "en", clock=lambda: next(moments)).transfer(8_000_000) as count:
        for _ in range(4):
            count(2_000_000)

    assert log.getvalue() == lines


def test_upload_on_a_terminal_shows_a_bar_and_removes_it(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    with ProgressReporter(terminal, "en").transfer(8_000_000) as count:
        count(8_000_000)

    assert "8.0/8.0 MB" in terminal.getvalue()
    assert terminal.getvalue().rstrip().endswith("\x1b[2K")


def passed_through(stream, seconds_each):
    """Track four items, each of which takes so many seconds of a simulated clock."""
    now_s = 0.0

    def work():
        nonlocal now_s
        for item in "abcd":
            now_s += seconds_each
            yield item

    return list(ProgressReporter(stream, "en", clock=lambda: now_s).track("cli.progress.jobs_read", work()))


@pytest.mark.parametrize(
    ("seconds_each", "lines"),
    [
        pytest.param(0.1, "", id="short work"),
        pytest.param(6.0, "2 jobs read, 0/s\n4 jobs read, 0/s\n4 jobs read, 0/s\n", id="long work"),
    ],
)
def test_progress_in_a_log_has_a_line_every_ten_seconds(seconds_each, lines):
    log = io.StringIO()

    assert passed_through(log, seconds_each) == list("abcd")
    assert log.getvalue() == lines


def test_progress_on_a_terminal_shows_the_count_and_removes_it(terminal):
    assert passed_through(terminal, 0.1) == list("abcd")
    assert "4 jobs read" in terminal.getvalue()
    assert terminal.getvalue().rstrip().endswith("\x1b[2K")
