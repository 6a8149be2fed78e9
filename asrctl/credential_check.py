"""A check of vendors' credentials: submit a short sample to each vendor, as a job would be.

The same modules build, send and read as in the functions, so that what passes here works there. A vendor that can be
queried is queried for the result too, which needs a right of its own.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from asrcore.core.callback_url import callback_url
from asrcore.core.errors import AsrError, ErrorClass, QueryFailedError
from asrcore.core.options import Options
from asrcore.core.transcript import Recognition, Source
from asrcore.core.vendor import (
    Accepted,
    Completion,
    Delivery,
    InProgress,
    RecognitionRequest,
    Submission,
    Vendor,
    VendorEndpoint,
)
from asrcore.messages import Message, Param, render
from asrcore.services import Services
from asrctl.sample import SAMPLE
from asrctl.shapes import CredentialStatus
from asrctl.stack import DeployedStack, in_parallel

# Outside of incoming/, so that the sample becomes no job. A lifecycle rule deletes what a killed command leaves.
PREFIX = "credential-checks/"
QUERIES, QUERY_INTERVAL_S = 60, 1.0
_SHORTEST_CREDENTIAL = 8  # a shorter value, such as a cluster's name, may be a part of any text
_LINES = {
    CredentialStatus.WORKING: "cli.credentials.working",
    CredentialStatus.REJECTED: "cli.credentials.rejected",
    CredentialStatus.UNKNOWN: "cli.credentials.unknown",
    CredentialStatus.UNTESTED: "cli.credentials.untested",
    CredentialStatus.MISSING: "cli.credentials.missing",
    CredentialStatus.OFF: "cli.credentials.off",
}
ACCEPTED = frozenset({CredentialStatus.WORKING, CredentialStatus.UNTESTED})
# Of an error in the reply to the submission. Vendors look at the recording after the credentials.
_REFUSALS = {
    ErrorClass.CONFIG: CredentialStatus.REJECTED,
    ErrorClass.BAD_AUDIO: CredentialStatus.WORKING,
    ErrorClass.RETRY: CredentialStatus.UNKNOWN,
}
_BROKEN = frozenset({CredentialStatus.REJECTED, CredentialStatus.UNKNOWN})


@dataclass(frozen=True)
class CredentialCheck:
    """The result for one vendor. code, reason: of the vendor's error, or what is missing; None without either."""

    vendor: str
    status: CredentialStatus
    code: str | None = None
    reason: Message | None = None


def check_credentials(
    stack: DeployedStack, held: Mapping[str, Any], vendors: Sequence[Vendor], *, test: bool = True
) -> list[CredentialCheck]:
    """Check vendors' credentials, all at once.

    Args:
        stack: whose addresses and settings are used. The sample is stored in its audio bucket during the check.
        held: objects of the secret, by name.
        vendors: those to check.
        test: False submits nothing, and leaves complete credentials UNTESTED.

    Returns:
        A result per vendor, in their order.
    """
    found = {vendor.name: _unsubmitted(vendor, _object(held, vendor), stack.services) for vendor in vendors}
    complete = [vendor for vendor in vendors if found[vendor.name].status is CredentialStatus.UNTESTED]
    if test and complete:
        with stored_sample(stack) as source:
            request, keys = _request(source, stack.services), stack.services.callback_keys(fresh=True)
            trial = _Trial(stack.services, source, request, keys)
            for _, result in in_parallel(lambda vendor: trial.run(vendor, _object(held, vendor)), complete):
                found[result.vendor] = result
    return list(found.values())


def _object(held: Mapping[str, Any], vendor: Vendor) -> Mapping[str, Any]:
    found = held.get(vendor.secret_name)
    return found if isinstance(found, Mapping) else {}


def _unsubmitted(vendor: Vendor, held: Mapping[str, Any], services: Services) -> CredentialCheck:
    """Return what is known without a submission."""
    if vendor.name in services.settings.off:
        return CredentialCheck(vendor.name, CredentialStatus.OFF)
    if missing := vendor.missing_credentials(held):
        return CredentialCheck(vendor.name, CredentialStatus.MISSING, reason=missing)
    return CredentialCheck(vendor.name, CredentialStatus.UNTESTED)


@contextmanager
def stored_sample(stack: DeployedStack) -> Iterator[Source]:
    """Keep the sample in the audio bucket, for vendors that download it."""
    body, key = SAMPLE.read_bytes(), f"{PREFIX}{secrets.token_hex(8)}.wav"
    put = stack.s3.put_object(Bucket=stack.audio_bucket, Key=key, Body=body)
    source = Source(
        bucket=stack.audio_bucket,
        key=key,
        version_id=put["VersionId"],
        etag=put["ETag"].strip('"'),
        size_bytes=len(body),
    )
    try:
        yield source
    finally:
        stack.s3.delete_object(Bucket=stack.audio_bucket, Key=key, VersionId=put["VersionId"])


def _request(source: Source, services: Services) -> RecognitionRequest:
    """Return the sample as the first attempt of a job that has no row."""
    body = SAMPLE.read_bytes()
    audio = services.probe(lambda offset, length: body[offset : offset + length], len(body), source.key)
    return RecognitionRequest(f"check{secrets.token_hex(8)}", 1, audio, len(body), Options(), named=True)


@dataclass(frozen=True)
class _Trial:
    """The sample, ready to be submitted. keys: sign the callback's address, which the stack acknowledges."""

    services: Services
    source: Source
    request: RecognitionRequest
    keys: list[str]

    def run(self, vendor: Vendor, held: Mapping[str, Any]) -> CredentialCheck:
        """Submit the sample, and query its result where the vendor can be queried."""
        settings = self.services.settings
        endpoint = VendorEndpoint(settings.base_urls[vendor.name], held, settings.tuning[vendor.name].model)
        try:
            reply, request = self._submit(vendor, endpoint)
        except AsrError as error:
            return _failed(vendor, _REFUSALS[error.error_class], error, held)
        try:
            if isinstance(reply, Accepted) and Completion.QUERY in vendor.completion_modes:
                self._query(vendor, endpoint, request, reply.vendor_task_id)
        except AsrError as error:  # the vendor has accepted the credentials, if not for queries
            is_refused = error.error_class is ErrorClass.CONFIG
            status = CredentialStatus.REJECTED if is_refused else CredentialStatus.WORKING
            return _failed(vendor, status, error, held)
        return CredentialCheck(vendor.name, CredentialStatus.WORKING)

    def _submit(self, vendor: Vendor, endpoint: VendorEndpoint) -> tuple[Accepted | Recognition, RecognitionRequest]:
        """Submit to the first edition of the vendor's product that the account may use. Raises AsrError."""
        *others, last = vendor.editions(self.request) or (None,)
        for edition in others:
            try:
                return self._submit_edition(vendor, endpoint, edition)
            except AsrError as error:
                if error.code not in vendor.edition_codes:
                    raise
        return self._submit_edition(vendor, endpoint, last)

    def _submit_edition(
        self, vendor: Vendor, endpoint: VendorEndpoint, edition: str | None
    ) -> tuple[Accepted | Recognition, RecognitionRequest]:
        services, request = self.services, replace(self.request, edition=edition)
        has_callback = Completion.CALLBACK in vendor.completion_modes
        http_request = vendor.submit_request(
            Submission(
                request,
                self._delivery(vendor),
                endpoint,
                callback_url=self._callback_url(vendor, request) if has_callback else "",
                now=int(services.now().timestamp()),
                nonce=services.nonce(),
            )
        )
        return vendor.read_submit(services.send(http_request), request), request

    def _callback_url(self, vendor: Vendor, request: RecognitionRequest) -> str:
        """Return a URL that expires at once: nothing waits for the check's result."""
        base_url, now = self.services.settings.callback_base_url, self.services.now()
        return callback_url(base_url, vendor.name, request.job_id, 1, self.keys, expires_at=now)

    def _delivery(self, vendor: Vendor) -> Delivery:
        """Return the sample's bytes for vendors that accept bytes: the check is of the credentials, not of the URL."""
        services, most_bytes = self.services, self.services.settings.tuning[vendor.name].max_data_bytes
        if not vendor.limits.accepts_urls:
            return Delivery(stream=services.recordings.stream(self.source, most_bytes))
        if self.source.size_bytes <= most_bytes:
            return Delivery(data=SAMPLE.read_bytes())
        return Delivery(url=services.recordings.presign(self.source))

    def _query(
        self, vendor: Vendor, endpoint: VendorEndpoint, request: RecognitionRequest, vendor_task_id: str
    ) -> None:
        """Query until the task has ended, a minute at most. Raises AsrError for a refused query or a failed task."""
        for _ in range(QUERIES):
            now = int(self.services.now().timestamp())
            try:
                reply = vendor.read_query(
                    self.services.send(vendor.query_request(vendor_task_id, endpoint, now=now)), request
                )
            except QueryFailedError as error:
                if error.error_class is ErrorClass.CONFIG:
                    raise
                reply = InProgress()
            if not isinstance(reply, InProgress):
                return
            self.services.sleep(QUERY_INTERVAL_S)


def _failed(vendor: Vendor, status: CredentialStatus, error: AsrError, held: Mapping[str, Any]) -> CredentialCheck:
    """Return the result of an error, in which no text of the vendor repeats a credential."""
    values = [value for value in held.values() if isinstance(value, str) and len(value) >= _SHORTEST_CREDENTIAL]

    def masked(text: str) -> str:
        for value in values:
            text = text.replace(value, "…")
        return text

    params = {name: masked(each) if isinstance(each, str) else each for name, each in error.reason.params.items()}
    return CredentialCheck(vendor.name, status, masked(error.code), Message(error.reason.code, params))


def broken(checks: Iterable[CredentialCheck], chain: Sequence[str]) -> list[CredentialCheck]:
    """Return the checks of vendors that automatic choice may take, and whose credentials do not work."""
    return [check for check in checks if check.vendor in chain and check.status in _BROKEN]


def describe(check: CredentialCheck) -> Message:
    """Return one line about a vendor's credentials."""
    said: dict[str, Param] = {"vendor": check.vendor, "code": check.code or "", "reason": check.reason or ""}
    is_flawed = check.status is CredentialStatus.WORKING and check.reason
    return Message("cli.credentials.sample_failed" if is_flawed else _LINES[check.status], said)


def shape_fields(check: CredentialCheck) -> dict[str, Any]:
    """Return the fields of CredentialShape."""
    reason = render(check.reason) if check.reason else None
    return {"vendor": check.vendor, "credentials": check.status, "code": check.code, "reason": reason}
