"""`cost` and `estimate`: what jobs cost by vendor and day, and what recordings would cost."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from asrcore.core.audio import Audio, NotAudio, probe
from asrcore.core.cost import estimate, usual_audio
from asrcore.core.errors import AsrError
from asrcore.core.money import NOTHING, Amount, Cost
from asrcore.core.option_sources import merge, read_request_text
from asrcore.core.options import Options
from asrcore.core.prices import Rates
from asrcore.core.recording_keys import skip_reason
from asrcore.core.routing import choose
from asrcore.core.transcript import Source
from asrcore.core.vendor import RecognitionRequest, Vendor
from asrcore.messages import Message
from asrcore.services import Services
from asrcore.vendors.registry import VENDORS
from asrctl.columns import NO_VENDOR
from asrctl.filters import Filter
from asrctl.find import matching_jobs
from asrctl.formatting import parse_duration
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError, Text, TextTable
from asrctl.shapes import ChosenVendor, CostShape, CostSum, DayCost, EstimateShape, VendorEstimate
from asrctl.stack import DeployedStack, in_parallel

_S3 = "s3://"
_CURRENCIES = ("USD", "CNY")
_HEADER = (
    Message("cli.column.vendor"),
    Message("cli.column.recordings"),
    *_CURRENCIES,
    Message("cli.column.price_unknown"),
    Message("cli.column.rejected_because"),
)


@dataclass(frozen=True)
class _Total:
    """A sum over jobs or recordings. unknown: how many of them have a part whose price is unknown."""

    number: int = 0
    amount: Amount = NOTHING
    unknown: int = 0

    def __add__(self, other: "_Total") -> "_Total":
        return _Total(self.number + other.number, self.amount + other.amount, self.unknown + other.unknown)

    @classmethod
    def of(cls, cost: Cost) -> "_Total":
        return cls(1, cost.known, int(cost.total is None))


@dataclass(frozen=True)
class _EstimatedRecording:
    """One recording to estimate. size_bytes: None where only a length is given."""

    audio: Audio
    size_bytes: int | None


def totals(stack: DeployedStack, progress: ProgressReporter, days: int, now: datetime) -> CommandResult[CostShape]:
    """Add up the cost of jobs that ended in the last days, by day (UTC) and vendor.

    A job with several vendors counts for each that is paid. AWS's part and unknown prices count for the last one.

    Args:
        days: 1 or more, today included.
        now: UTC.
    """
    first = (now - timedelta(days=days - 1)).date()
    sums: dict[tuple[date, str], _Total] = defaultdict(_Total)
    whole = _Total()
    for job in matching_jobs(Filter(), stack, progress, now):
        if job.cost is not None and (day := job.updated_at.date()) >= first:
            whole += _Total.of(job.cost)
            last = job.vendor or NO_VENDOR
            for vendor, share in job.cost.shares(last).items():
                sums[day, vendor] += _Total(1, share, int(vendor == last and job.cost.total is None))
    rows: list[Sequence[Text]] = [(str(day), vendor, *_columns(total)) for (day, vendor), total in sorted(sums.items())]
    header = (
        Message("cli.column.day"),
        Message("cli.column.vendor"),
        Message("cli.column.jobs"),
        *_CURRENCIES,
        Message("cli.column.price_unknown"),
    )
    days_ = [DayCost(day=str(day), vendor=vendor, **_figures(sum_)) for (day, vendor), sum_ in sorted(sums.items())]
    data = CostShape(days=days_, all=CostSum(**_figures(whole)))
    return CommandResult(data, [TextTable(header, [*rows, (Message("cli.column.all"), "", *_columns(whole))])])


def estimates(
    stack: DeployedStack, progress: ProgressReporter, what: str, vendor: str | None, options: str
) -> CommandResult[EstimateShape]:
    """Estimate what recordings would cost with each vendor that accepts them, and which vendors automatic choice picks.

    Args:
        what: a duration (`90s`, `15m`, `2h`), a file of this machine, or `s3://bucket/prefix` of the audio bucket.
        vendor: the only vendor to compare; None for all.
        options: JSON as in a sidecar.

    Raises:
        OperatorError: `what` is none of these, the options are not allowed, or the file is no recording.
    """
    services = stack.services
    asked = _options(options, services)
    recordings = list(progress.track("cli.progress.recordings_probed", _recordings(what, stack, services)))
    if not recordings:
        raise OperatorError(Message("cli.estimate.nothing", {"what": what}))
    rows: list[Sequence[Text]] = []
    vendors = {}
    for name in [vendor] if vendor else VENDORS:
        total, refusal = _with_vendor(VENDORS[name], recordings, asked, services.settings.rates)
        rows.append((name, *_columns(total), refusal or ""))
        vendors[name] = VendorEstimate(**_figures(total), refused=len(recordings) - total.number)
    choices = {} if vendor else _choices(recordings, asked, services)
    lines: list[Line] = [
        TextTable(_HEADER, rows),
        "",
        *(
            Message("cli.estimate.chosen", {"vendor": name, "count": number, "reason": reason})
            for (name, _), (reason, number) in choices.items()
        ),
        Message("cli.estimate.scope"),
        *([Message("cli.estimate.form")] if any(each.size_bytes is None for each in recordings) else []),
    ]
    chosen = [ChosenVendor(vendor=name, count=number, reason=text) for (name, text), (_, number) in choices.items()]
    return CommandResult(EstimateShape(recordings=len(recordings), vendors=vendors, chosen=chosen), lines)


def _options(text: str, services: Services) -> Options:
    """Return the stack's default options, overridden by a sidecar's text. Raises OperatorError."""
    try:
        requested = read_request_text(text, services.vendors)
    except AsrError as error:
        raise OperatorError(error.reason) from None
    return merge(services.settings.defaults, requested).options


def _choices(
    recordings: Iterable[_EstimatedRecording], options: Options, services: Services
) -> dict[tuple[str, str], tuple[Message, int]]:
    """Count recordings by the vendor of automatic choice and its reason, without those that no vendor accepts.

    Assumes that every vendor has its credentials.
    """
    chosen: dict[tuple[str, str], tuple[Message, int]] = {}
    for each in recordings:
        request = RecognitionRequest("", 1, each.audio, each.size_bytes or 0, options)
        with suppress(AsrError):
            selected = choose(request, services.settings.vendor_chain, services.vendors, lambda _: None)
            choice = selected.choice
            _, number = chosen.get((selected.vendors[0], choice.text), (choice.reason, 0))
            chosen[selected.vendors[0], choice.text] = choice.reason, number + 1
    return chosen


def _with_vendor(
    vendor: Vendor, recordings: Iterable[_EstimatedRecording], options: Options, rates: Rates
) -> tuple[_Total, Message | None]:
    total, refusal = _Total(), None
    for each in recordings:
        reason = vendor.rejection_reason(RecognitionRequest("", 1, each.audio, each.size_bytes or 0, options))
        refusal = refusal or reason
        if reason is None:
            total += _Total.of(estimate(vendor.name, each.audio.duration_ms, rates, size_bytes=each.size_bytes))
    return total, refusal


def _recordings(what: str, stack: DeployedStack, services: Services) -> Iterator[_EstimatedRecording]:
    if what.startswith(_S3):
        bucket, _, prefix = what.removeprefix(_S3).partition("/")
        versions = (each for each in stack.versions(bucket, prefix) if each.is_current)
        there = (each for each in versions if skip_reason(each.key, each.size_bytes) is None)
        probed = in_parallel(lambda version: _stored(version.source, services), there)
        yield from (recording for _, recording in probed if recording is not None)
    elif (path := Path(what)).is_file():
        yield _local_file(path)
    else:
        try:
            length_ms = round(parse_duration(what).total_seconds() * 1000)
        except ValueError:
            raise OperatorError(Message("cli.estimate.unknown", {"what": repr(what)})) from None
        yield _EstimatedRecording(usual_audio(length_ms), None)


def _stored(source: Source, services: Services) -> _EstimatedRecording | None:
    """Probe an object of a bucket. Return None for one that is no recording."""
    try:
        audio = probe(
            lambda offset, length: services.recordings.read(source, offset, length), source.size_bytes, source.key
        )
    except (NotAudio, AsrError):
        return None
    return _EstimatedRecording(audio, source.size_bytes)


def _local_file(path: Path) -> _EstimatedRecording:
    size_bytes = path.stat().st_size
    with path.open("rb") as file:

        def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        try:
            return _EstimatedRecording(probe(read, size_bytes, path.name), size_bytes)
        except NotAudio as error:
            raise OperatorError(
                Message("cli.estimate.no_audio", {"file": str(path), "problem": error.reason})
            ) from error


def _columns(total: _Total) -> tuple[str, str, str, str]:
    return str(total.number), f"{total.amount.usd:.4f}", f"{total.amount.cny:.4f}", str(total.unknown or "")


def _figures(total: _Total) -> dict[str, Any]:
    return {
        "count": total.number,
        "usd": total.amount.usd,
        "cny": total.amount.cny,
        "price_unknown": total.unknown,
    }
