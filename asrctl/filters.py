"""Which jobs a command is for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from asrcore.core.errors import ErrorClass
from asrcore.core.job import OPEN, Job, Status
from asrcore.ports import JobFilter


@dataclass(frozen=True)
class Filter:
    """Conditions on a job; None where there is none. created_before, created_since: UTC."""

    status: Status | None = None
    vendor: str | None = None
    error_class: ErrorClass | None = None
    created_before: datetime | None = None
    created_since: datetime | None = None

    @classmethod
    def parse(
        cls,
        status: str | None,
        vendor: str | None,
        error_class: str | None,
        created_before: datetime | None = None,
        created_since: datetime | None = None,
    ) -> Self:
        """Return the filter that options describe."""
        class_ = ErrorClass(error_class) if error_class else None
        return cls(Status(status) if status else None, vendor, class_, created_before, created_since)

    @property
    def indexed(self) -> JobFilter:
        """The conditions that the index of all jobs can check."""
        return JobFilter(self.status, self.vendor, since=self.created_since, until=self.created_before)

    @property
    def only_open(self) -> bool:
        """Whether the index of open jobs holds all jobs that can match."""
        return self.status in OPEN

    def matches(self, job: Job) -> bool:
        """Return whether a job meets all conditions."""
        return (
            (self.status is None or job.status is self.status)
            and (self.vendor is None or job.vendor == self.vendor)
            and (self.error_class is None or (job.error is not None and job.error.class_ is self.error_class))
            and (self.created_before is None or job.created_at < self.created_before)
            and (self.created_since is None or job.created_at >= self.created_since)
        )
