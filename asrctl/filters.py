"""Which jobs an operator means."""

from dataclasses import dataclass
from datetime import datetime

from asrcore.core.errors import ErrorClass
from asrcore.core.job import OPEN, Job, Status


@dataclass(frozen=True)
class Filter:
    """What a job must be; None where it may be anything. created_before: its recording was taken earlier."""

    state: Status | None = None
    vendor: str | None = None
    error_class: ErrorClass | None = None
    created_before: datetime | None = None

    @property
    def only_open(self) -> bool:
        """Whether the index of open jobs holds all that are meant."""
        return self.state in OPEN

    def matches(self, job: Job) -> bool:
        """Whether this job is meant."""
        return (
            (self.state is None or job.status is self.state)
            and (self.vendor is None or job.vendor == self.vendor)
            and (self.error_class is None or (job.error is not None and job.error.class_ is self.error_class))
            and (self.created_before is None or job.created_at < self.created_before)
        )
