"""The services of a process: its ports, its settings, and what the use cases do with both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from asrcore.core.audio import Audio, probe
from asrcore.core.callback_url import callback_url
from asrcore.core.editions import RefusedEditions
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job, recognition_request
from asrcore.core.option_sources import read_request
from asrcore.core.options import RequestedOptions
from asrcore.core.step import GRACE_S, Step, next_step, result_limit_s
from asrcore.core.vendor import Completion, HttpReply, HttpRequest, Vendor, VendorEndpoint
from asrcore.messages import Message
from asrcore.metrics import Metrics
from asrcore.ports import (
    BudgetRows,
    ConflictError,
    Converter,
    CountedSubmission,
    Events,
    Jobs,
    Recordings,
    Secret,
    Transcripts,
    TurnaroundStats,
    Versions,
    WebhookClient,
    WebhookQueue,
    Workflow,
)
from asrcore.settings import Settings, vendor_off

Reply = TypeVar("Reply")


class JobDeletedError(LookupError):
    """The job's row was deleted, as after a caller's deletion of the job."""


@dataclass(frozen=True)
class Services:
    """Everything outside itself that a use case reads, writes or calls.

    Attributes:
        settings: the stack's parameters.
        vendors: by name, tuned as the stack's VendorTuning says.
        vendor_secret: an object with credentials per vendor account.
        signing_secret: the keys that sign callback URLs and webhooks.
        send: makes one HTTP exchange with a vendor. Raises AsrError.
        now: the time, UTC.
        sleep: waits for seconds.
        nonce: a random number from 1 to 2**31 - 1, for signatures.
        refused_editions: the editions of vendors' products that were refused to this account, for a while.
        probe: reads an audio file's properties by ranged reads: (read, size in bytes, key). Raises NotAudio.
    """

    settings: Settings
    vendors: Mapping[str, Vendor]
    jobs: Jobs
    budget: BudgetRows
    turnaround_stats: TurnaroundStats
    recordings: Recordings
    converter: Converter
    transcripts: Transcripts
    versions: Versions
    workflow: Workflow
    events: Events
    webhook_client: WebhookClient
    webhook_queue: WebhookQueue
    metrics: Metrics
    vendor_secret: Secret
    signing_secret: Secret
    send: Callable[[HttpRequest], HttpReply]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    nonce: Callable[[], int]
    refused_editions: RefusedEditions = field(default_factory=RefusedEditions)
    probe: Callable[[Callable[[int, int], bytes], int, str], Audio] = probe

    def load_job(self, job_id: str) -> Job:
        """Return the job as it is now. Raises JobDeletedError when its row was deleted."""
        job = self.jobs.load(job_id)
        if job is None:
            raise JobDeletedError(f"there is no job {job_id}: its row was deleted")
        return job

    def update_job(
        self, job_id: str, change: Callable[[Job], Job], *, released: CountedSubmission | None = None
    ) -> Job:
        """Load, change and save a job, again from the start when another invocation was faster.

        Args:
            job_id: of the job.
            change: returns the changed job, or the same one when there is nothing to save. It may be called again.
            released: a submission that its day stops counting when the change is saved.

        Returns:
            The job as it is saved.

        Raises:
            JobDeletedError: the job's row was deleted.
        """
        while True:
            job = self.load_job(job_id)
            changed = change(job)
            if changed is job:
                return job
            try:
                return self.jobs.save(changed, released=released)
            except ConflictError:
                continue

    def next_step(self, job: Job) -> Step:
        """Return the job's next step."""
        return next_step(job, self.completion_modes(job), self.now())

    def start_execution(self, job: Job) -> None:
        """Start the job's execution with its next step, unless the job ended or the execution exists."""
        if not job.finished:
            self.workflow.start(job.execution_name, self.next_step(job))

    def completion_modes(self, job: Job) -> frozenset[Completion]:
        """Return how the current attempt's vendor completes; nothing for a job without an attempt."""
        return self.vendors[job.attempt.vendor].completion_modes if job.planned else frozenset()

    def read_request(self, vendor: str | None, options: Mapping[str, Any]) -> RequestedOptions:
        """Return the options that a caller requests.

        Raises:
            AsrError: `config`: an option is not allowed (BadOption), there is no such vendor (UnknownVendor), or it is
                off (VendorOff).
        """
        requested = read_request(vendor, options, self.vendors)
        if requested.vendor in self.settings.off:
            raise AsrError(ErrorClass.CONFIG, "VendorOff", vendor_off(requested.vendor), requested.vendor)
        return requested

    def missing_credentials(self, vendor: Vendor, *, fresh: bool = False) -> Message | None:
        """Return what VendorSecret lacks for a vendor; None when nothing. fresh: as the secret is now."""
        return vendor.missing_credentials(self._credentials(vendor, fresh=fresh))

    def _credentials(self, vendor: Vendor, *, fresh: bool = False) -> Mapping[str, Any]:
        """Return the vendor's object in VendorSecret; an empty one without it."""
        held = self.vendor_secret(fresh=fresh).get(vendor.secret_name)
        return held if isinstance(held, Mapping) else {}

    def endpoint(self, vendor: Vendor) -> VendorEndpoint:
        """Return a vendor's base URL, credentials and model. Raises AsrError(config, CredentialsMissing)."""
        missing = self.missing_credentials(vendor) and self.missing_credentials(vendor, fresh=True)
        if missing:
            reason = Message("CredentialsMissing.vendor", {"missing": missing})
            raise AsrError(ErrorClass.CONFIG, "CredentialsMissing", reason, vendor.name)
        model = self.settings.tuning[vendor.name].model
        return VendorEndpoint(self.settings.base_urls[vendor.name], self._credentials(vendor), model)

    def call_with_fresh_credentials(self, vendor: Vendor, call: Callable[[VendorEndpoint], Reply]) -> Reply:
        """Call a vendor, once more when it refuses credentials that the secret has replaced meanwhile.

        An operator who corrects the secret does not wait until every process has read it again.

        Args:
            vendor: whose credentials are used.
            call: makes one exchange with the vendor.

        Returns:
            What `call` returns.

        Raises:
            AsrError: of the last call, or CredentialsMissing.
        """
        endpoint = self.endpoint(vendor)
        try:
            return call(endpoint)
        except AsrError as error:
            if error.error_class is not ErrorClass.CONFIG:
                raise
            if self._credentials(vendor, fresh=True) == endpoint.credentials:
                raise
        return call(self.endpoint(vendor))

    def callback_keys(self, *, fresh: bool = False) -> list[str]:
        """Return the keys that sign callback URLs: the first one signs, all are accepted.

        fresh: as the secret is now, and not as it was read last; so are keys that were missing then.
        """
        keys = list((self.signing_secret(fresh=fresh).get("callback") or {}).get("keys") or [])
        return keys if keys or fresh else self.callback_keys(fresh=True)

    def webhook_keys(self) -> list[str]:
        """Return the keys that sign webhooks: each webhook is signed with all of them."""
        return list((self.signing_secret().get("webhook") or {}).get("keys") or [])

    def callback_url(self, job: Job) -> str:
        """Return the signed URL to which the current attempt's vendor posts its callback, until the attempt's end."""
        attempt, vendor = job.attempt, self.vendors[job.attempt.vendor]
        limit_s = result_limit_s(job, vendor.completion_modes, vendor.result_deadline_s(recognition_request(job)))
        return callback_url(
            self.settings.callback_base_url,
            attempt.vendor,
            job.job_id,
            attempt.number,
            self.callback_keys(),
            expires_at=self.now() + timedelta(seconds=limit_s + GRACE_S),
        )
