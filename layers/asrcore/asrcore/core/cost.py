"""The cost of a job: `incurred` computes it from the job's row, `estimate` from the row of a usual job of its kind."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from asrcore.core.audio import Audio
from asrcore.core.aws_usage import AwsUsage, estimate_usage
from asrcore.core.budget import MICRO, BudgetEntry
from asrcore.core.errors import NO_RESULT_IN_TIME
from asrcore.core.job import Attempt, Job, new_job
from asrcore.core.money import NOTHING, Amount, Cost
from asrcore.core.options import Options
from asrcore.core.polling import next_delay
from asrcore.core.prices import AWS_PRICES, LIKE, REFERENCE, UNITS, Rates, VendorPrice
from asrcore.core.rate_limit import vendor_day
from asrcore.core.transcript import Source
from asrcore.core.vendor import Completion

USUAL_SHARE = 1 / 30  # of the recording's length; vendors publish 1 to 3 minutes for an hour
USUAL_LEAST_S = 20.0  # assumed: no vendor publishes a turnaround for the shortest recordings
USUAL_BYTES_A_SECOND = 8_000  # of speech as MP3 at 64 kbit/s
UNKNOWN_LENGTH_MS = 3_600_000  # that the budget reserves for a recording of unknown length
_LENGTH_UNKNOWN = "the recording's length is not known"


def incurred(job: Job, rates: Rates) -> Cost:
    """Return the cost of a job so far: vendors by their prices, AWS by the estimate of its usage."""
    assumptions: list[str] = []
    vendors: dict[str, Amount] = {}
    is_known, days = True, [rates.aws.date]
    for attempt in _billed(job):
        price = rates.vendor(attempt.vendor)
        charge = _charge(price, attempt, job.audio.duration_ms if job.audio else None, job, rates)
        assumptions += _vendor_assumptions(job, attempt, price)
        if charge is None:
            is_known = False
            continue
        vendors[attempt.vendor] = vendors.get(attempt.vendor, NOTHING) + charge
        days += [price.date] if price.date else []
    aws = priced(estimate_usage(job, rates), rates)
    asked = sum(vendors.values(), NOTHING)
    assumptions += [*_aws_assumptions(rates), *_exchange_assumption(rates)]
    return Cost(
        vendor=asked if is_known else None,
        vendors=vendors,
        aws=aws,
        total=asked + aws if is_known else None,
        usd_in_cny=rates.exchange.usd_in_cny,
        prices_from=min(days),
        assumptions=list(dict.fromkeys(assumptions)),
    )


def estimate(
    vendor: str,
    duration_ms: int | None,
    rates: Rates,
    *,
    size_bytes: int | None = None,
    turnaround_s: float | None = None,
) -> Cost:
    """Return the cost of a recording with a vendor, without faults.

    duration_ms: None if unknown.  size_bytes: None for the usual size of speech of that length, as MP3.
    turnaround_s: the vendor's usual one; None for the one that vendors publish.
    """
    usual_bytes = USUAL_BYTES_A_SECOND * (duration_ms or 0) // 1000
    sent_bytes = usual_bytes if size_bytes is None else size_bytes
    cost = incurred(usual_job(vendor, duration_ms, rates, size_bytes=sent_bytes, turnaround_s=turnaround_s), rates)
    if size_bytes is not None:
        return cost
    return cost.model_copy(update={"assumptions": [*cost.assumptions, _size_assumption(usual_bytes)]})


def usual_audio(duration_ms: int) -> Audio:
    """Return speech of some length in a form that every vendor accepts, for a recording of unknown form."""
    return Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=duration_ms)


def usual_job(
    vendor: str, duration_ms: int | None, rates: Rates, *, size_bytes: int = 0, turnaround_s: float | None = None
) -> Job:
    """Return the row of a job without faults, made by all its moves in order."""
    now = datetime(2000, 1, 1, tzinfo=UTC)
    source = Source(bucket="bucket", key="incoming/auto/recording", etag="etag", size_bytes=size_bytes)
    audio = Audio(format="wav", codec="pcm", sample_rate_hz=None, channels=None, duration_ms=duration_ms)
    job = new_job(source, now).plan(source, audio, Options(), vendors=[vendor], warnings=[], now=now)
    reserved = BudgetEntry(job.job_id, 1, {vendor_day(now): 1}, "", 0)
    job = job.with_budget_entry(reserved).assign_slot(now, now).claim(None, [], now)
    revision, completion_modes = 3, rates.completion_modes.get(vendor, frozenset())
    length_s = (duration_ms or 0) / 1000
    ends_s = max(USUAL_LEAST_S, USUAL_SHARE * length_s) if turnaround_s is None else turnaround_s
    if Completion.SYNC not in completion_modes:
        job, revision = job.submitted(1, "task", now), revision + 1
        if Completion.CALLBACK in completion_modes:
            job, revision = job.store_task_token("token", now), revision + 1
        else:
            elapsed_s = math.ceil(next_delay(length_s, 0, 0))
            while elapsed_s < ends_s:
                job, revision = job.count_query(1, now), revision + 1
                elapsed_s += math.ceil(next_delay(length_s, elapsed_s, job.attempt.queries))
            ends_s = elapsed_s
    if Completion.SYNC not in completion_modes or vendor in rates.long_calls:
        now += timedelta(seconds=ends_s)
    done = job.complete("task", "transcripts/incoming/auto/recording.json", [], now)
    return done.mark_event_published(0).model_copy(update={"row_version": revision + 2})


def owed(job: Job, rates: Rates, *, with_attempt: bool = False) -> int:
    """Return what the vendors charge for a job so far, as the budget counts it, in micro-yuan.

    An unknown length counts as an hour, an unknown price as the dearest known one: the budget may be wrong, not open.

    Args:
        job: a job; with an attempt, if that is to be counted.
        rates: the prices.
        with_attempt: counts the current attempt, too, which is not yet submitted.
    """
    counted = [*_billed(job), *([job.attempt] if with_attempt else [])]
    return sum(round(_owed_yuan(attempt, job, rates) * MICRO) for attempt in counted)


def _owed_yuan(attempt: Attempt, job: Job, rates: Rates) -> float:
    price = rates.vendor(attempt.vendor)
    duration_ms = UNKNOWN_LENGTH_MS if job.audio is None or job.audio.duration_ms is None else job.audio.duration_ms
    if price.of(_engine(attempt, job)) is None:
        return _dearest_hour(rates) * duration_ms / 3_600_000
    charge = _charge(price, attempt, duration_ms, job, rates)
    return charge.cny if charge else 0.0


def _dearest_hour(rates: Rates) -> float:
    """Return the highest known price of an hour, in yuan."""
    hourly = [each for each in rates.vendors.values() if each.per == "hour"]
    known = [(price, each.currency) for each in hourly for price in (each.price, *each.engines.values())]
    return max((rates.exchange.amount(price, currency).cny for price, currency in known if price), default=0.0)


def _billed(job: Job) -> Iterator[Attempt]:
    """Yield the attempts that a vendor charges: recognized ones, and those that it may have recognized."""
    for attempt in job.attempts:
        given_up = attempt.submitted_at is not None and attempt.code == NO_RESULT_IN_TIME
        is_running = attempt.submitted_at is not None and attempt.ended_at is None
        if attempt.outcome == "completed" or given_up or is_running:
            yield attempt


def _charge(price: VendorPrice, attempt: Attempt, duration_ms: int | None, job: Job, rates: Rates) -> Amount | None:
    asked = price.of(_engine(attempt, job))
    if asked is None:
        return None
    if price.per == "call":
        return rates.exchange.amount(asked, price.currency)
    if duration_ms is None:
        return None
    counted_s = math.ceil(duration_ms / 1000 / price.unit_s) * price.unit_s
    return rates.exchange.amount(asked * counted_s / 3600, price.currency)


def _engine(attempt: Attempt, job: Job) -> str | None:
    """Return the edition that the attempt was submitted to, or else the engine that the job names."""
    return attempt.edition or job.options.model


def _vendor_assumptions(job: Job, attempt: Attempt, price: VendorPrice) -> Iterator[str]:
    if price.price is None:
        yield f"{attempt.vendor}: no price is known; the stack parameter VendorPrices gives it one"
    elif price.per == "hour" and (job.audio is None or job.audio.duration_ms is None):
        yield _LENGTH_UNKNOWN
    engine = _engine(attempt, job)
    if price.price is not None and engine and engine not in price.engines:
        yield f"{attempt.vendor}: the price is that of its usual engine, not of {engine}"
    if attempt.outcome != "completed":
        yield f"attempt {attempt.number} with {attempt.vendor} brought no result so far and is counted"


def priced(usage: AwsUsage, rates: Rates) -> Amount:
    """Return the price of AWS usage."""
    amount = NOTHING
    for unit, quantity in usage.quantities().items():
        price, currency = getattr(rates.aws, unit), rates.aws.currency
        if price is None:
            price, currency = getattr(AWS_PRICES[REFERENCE], unit), AWS_PRICES[REFERENCE].currency
        amount += rates.exchange.amount(price * quantity, currency)
    return amount


def _aws_assumptions(rates: Rates) -> Iterator[str]:
    lacking = [unit for unit in UNITS if getattr(rates.aws, unit) is None]
    if lacking:
        which = "" if len(lacking) == len(UNITS) else f" that are not known for {rates.region}"
        names = f": {', '.join(lacking)}" if which else ""
        yield f"AWS prices{which} are those of {REFERENCE}{names}"
    if rates.region in LIKE:
        yield f"AWS prices of {rates.region} are taken as in {LIKE[rates.region]}"


def _size_assumption(size_bytes: int) -> str:
    return f"the recording is taken to have {size_bytes / 1e6:.1f} MB, as of speech at 64 kbit/s"


def _exchange_assumption(rates: Rates) -> Iterator[str]:
    if rates.exchange.day is None:
        yield f"1 USD is taken as {rates.exchange.usd_in_cny:g} CNY"
