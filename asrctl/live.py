"""A table of jobs that changes while a command runs: redrawn on a terminal, elsewhere a line for each change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from rich.console import Group
from rich.live import Live

from asrcore.core.job import Job
from asrcore.messages import Language, Message
from asrctl.columns import NO_VENDOR, describe_error, job_table
from asrctl.formatting import quote_name
from asrctl.output import console, is_drawable, plain_text, styled, write_lines
from asrctl.result import Line, Text

_COLUMNS = ("id", "status", "vendor", "age", "name", "error")  # in a narrow terminal only errors are cut
_ROWS_IN_A_LOG = 100
_FRAME = 2  # lines of a terminal that the table leaves free: its header, and the cursor's


class LiveTable:
    """The status of jobs, on a stream while a `with` lasts."""

    def __init__(self, stream: TextIO, language: Language) -> None:
        self._stream = stream
        self._language = language
        self._console = console(stream)
        self._live = Live(console=self._console, auto_refresh=False) if is_drawable(stream) else None
        self._written: dict[str, tuple[str, str, Text]] = {}

    @property
    def rows(self) -> int:
        """How many jobs the table shows: those that a terminal has room for."""
        return max(1, self._console.height - _FRAME) if self._live else _ROWS_IN_A_LOG

    @property
    def has_reader(self) -> bool:
        """False once the program has gone that read the stream."""
        return getattr(self._stream, "has_reader", True)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, jobs: Sequence[Job], now: datetime) -> None:
        """Show jobs as they are now, those beyond the terminal's height left out."""
        if self._live:
            lines: list[Line] = [job_table(jobs[: self.rows], _COLUMNS, now)] if jobs else [Message("cli.watch.none")]
            texts = list(styled(lines, self._language))
            for text in texts:
                text.no_wrap, text.overflow = True, "ellipsis"
            self._live.update(Group(*texts), refresh=True)
            return
        for job in jobs:
            state = (job.status, job.vendor or NO_VENDOR, describe_error(job))
            if self._written.get(job.job_id) != state:
                self._written[job.job_id] = state
                self._write(job)

    def _write(self, job: Job) -> None:
        reason = plain_text(describe_error(job), self._language)
        error = f"  {reason}" if reason else ""
        moment = f"{job.updated_at.astimezone(UTC):%H:%M:%S}"
        state = f"{moment}  {job.job_id}  {job.status:<11}  {job.vendor or NO_VENDOR}{error}"
        write_lines([f"{state}  {quote_name(job.source.key)}"], self._stream, self._language)
        self._stream.flush()
