"""What a job costs, beforehand and afterwards."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from asrcore.core.audio import Audio
from asrcore.core.aws_usage import AwsUsage, estimate_usage
from asrcore.core.cost import estimate, incurred, priced, usual_job
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Job, new_job
from asrcore.core.money import NOTHING, Amount, Currency
from asrcore.core.options import Options, RequestedOptions
from asrcore.core.prices import AWS_PRICES, REFERENCE, Exchange, Rates, VendorPrice, aws_prices, read_aws_prices
from asrcore.core.transcript import Recognition, Source
from asrcore.core.vendor import Completion
from asrcore.messages.stored import StoredMessage
from asrcore.poll import query
from asrcore.restart import redrive
from asrcore.submit import submit
from asrcore.vendors.registry import VENDORS
from tests.support.fake_services import START
from tests.support.pipeline import QUERY, SYNC, drop, world
from tests.support.reasons import reason
from tests.support.toy import Toy

HOUR_MS = 3_600_000
SOURCE = Source(bucket="audio", key="incoming/auto/a.wav", version_id="v1", etag="e", size_bytes=1_000_000)
BUSY = AsrError(ErrorClass.RETRY, "busy", reason("later"), "asked")
HEARD_AN_HOUR = Recognition(text="好", duration_ms=HOUR_MS)
LATE = AsrError(ErrorClass.RETRY, "NoResultInTime", reason("late"), "asked")


def rates(**prices: VendorPrice) -> Rates:
    held = {
        "asked": VendorPrice(price=7.0, date=date(2026, 5, 1), source="s"),
        "sentence": VendorPrice(price=0.01, currency=Currency.USD, per="call", date=date(2024, 2, 1), source="s"),
        "minutes": VendorPrice(price=60.0, unit_s=60, date=date(2026, 5, 1), source="s"),
        "secretive": VendorPrice(date=date(2026, 5, 1), source="s"),
    }
    ways = {name: frozenset({Completion.SYNC if name == "sentence" else Completion.QUERY}) for name in held}
    exchange = Exchange(7.0, date(2026, 6, 1))
    return Rates({**held, **prices}, ways, AWS_PRICES[REFERENCE], REFERENCE, exchange)


def planned(vendor: str = "asked", *, duration_ms: int | None = HOUR_MS, options: Options | None = None) -> Job:
    audio = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=duration_ms)
    return new_job(SOURCE, START).plan(SOURCE, audio, options or Options(), vendors=[vendor], warnings=[], now=START)


def taken(vendor: str = "asked", **facts: object) -> Job:
    return planned(vendor, **facts).claim(None, [], START).submitted(1, "t", START)


def done(vendor: str = "asked", **facts: object) -> Job:
    return taken(vendor, **facts).complete(None, "transcripts/k.json", [], START + timedelta(seconds=90))


class TestVendorCost:
    def test_vendors_measured_length_corrects_the_cost(self):
        job = taken(duration_ms=1400).complete(None, "k", [], START, duration_ms=HOUR_MS)

        assert incurred(taken(duration_ms=1400), rates()).vendor == Amount(usd=0.000277778 * 2, cny=0.003888889)
        assert incurred(job, rates()).vendor == Amount(usd=1.0, cny=7.0)

    @pytest.mark.parametrize(
        ("vendor", "duration_ms", "amount"),
        [
            pytest.param("asked", HOUR_MS, Amount(usd=1.0, cny=7.0), id="an hour"),
            pytest.param("asked", 1, Amount(usd=0.000277778, cny=0.001944444), id="a second that began is a second"),
            pytest.param("minutes", 60_001, Amount(usd=0.285714286, cny=2.0), id="minutes, the last one whole"),
            pytest.param("sentence", HOUR_MS, Amount(usd=0.01, cny=0.07), id="a call, however long"),
            pytest.param("sentence", None, Amount(usd=0.01, cny=0.07), id="a call of unknown length"),
        ],
    )
    def test_vendor_cost_follows_the_vendors_unit(self, vendor, duration_ms, amount):
        assert incurred(done(vendor, duration_ms=duration_ms), rates()).vendor == amount

    @pytest.mark.parametrize(
        ("vendor", "duration_ms", "assumption"),
        [
            pytest.param(
                "secretive", HOUR_MS, "secretive: no price is known; the stack parameter VendorPrices", id="price"
            ),
            pytest.param("asked", None, "the recording's length is not known", id="length"),
            pytest.param("newcomer", HOUR_MS, "newcomer: no price is known", id="a vendor that is in no table"),
        ],
    )
    def test_vendor_cost_unknown_is_null_with_the_total(self, vendor, duration_ms, assumption):
        cost = incurred(done(vendor, duration_ms=duration_ms), rates())

        assert (cost.vendor, cost.total) == (None, None)
        assert any(assumption in each for each in cost.assumptions)
        assert cost.known == cost.aws

    @pytest.mark.parametrize(
        ("job", "charged"),
        [
            pytest.param(planned(), 0, id="never submitted"),
            pytest.param(planned().attempt_failed(1, BUSY, [], START), 0, id="refused"),
            pytest.param(taken().attempt_failed(1, BUSY, [], START), 0, id="failed at the vendor"),
            pytest.param(taken().attempt_failed(1, LATE, [], START), 1, id="no result in time"),
            pytest.param(taken(), 1, id="in progress"),
            pytest.param(taken().fail(LATE, START), 1, id="the job ended over it"),
            pytest.param(done(), 1, id="recognized"),
        ],
    )
    def test_vendor_cost_counts_attempts_that_may_be_charged(self, job, charged):
        assert incurred(job, rates()).vendor == Amount(usd=1.0 * charged, cny=7.0 * charged)

    def test_vendor_cost_sums_attempts_unless_one_is_unknown(self):
        late_then_done = (
            taken().attempt_failed(1, LATE, [], START).claim(None, [], START).submitted(2, "t", START)
        ).complete(None, "k", [], START)

        assert incurred(late_then_done, rates()).vendor == Amount(usd=2.0, cny=14.0)
        assert incurred(late_then_done, rates(asked=rates().vendor("secretive"))).vendor is None

    def test_vendor_cost_keeps_the_known_part_of_two_vendors(self):
        job = taken()
        while job.vendor == "asked":
            number = job.attempt.number
            job = job.attempt_failed(number, LATE, ["secretive"], START).claim(None, [], START)
            job = job.submitted(number + 1, "t", START)
        tries = len(job.attempts) - 1
        job = job.complete(None, "k", [], START)

        cost = incurred(job, rates())

        asked = Amount(usd=1.0 * tries, cny=7.0 * tries)
        assert (job.vendor, cost.vendor, cost.total) == ("secretive", None, None)
        assert cost.vendors == {"asked": asked}
        assert cost.known == cost.aws + asked
        assert cost.shares("secretive") == {"asked": asked, "secretive": cost.aws}

    def test_vendor_cost_of_an_unpriced_engine_is_an_assumption(self):
        cost = incurred(done(options=Options(model="16k_zh_large")), rates())

        assert any("not of 16k_zh_large" in each for each in cost.assumptions)

    def test_vendor_cost_uses_the_engines_own_price(self):
        cheap = VendorPrice(price=7.0, engines={"cheap": 3.5}, date=date(2026, 5, 1), source="s")

        cost = incurred(done(options=Options(model="cheap")), rates(asked=cheap))

        assert cost.vendor == Amount(usd=0.5, cny=3.5)
        assert cost.assumptions == []


class TestAwsCost:
    ONE_OF_EACH = AwsUsage(*[1_000_000] * 12)

    def test_aws_cost_prices_every_unit(self):
        done = replace(self.ONE_OF_EACH, compute_ms=1000, logged_bytes=2**30, sent_bytes=2**30)
        prices = AWS_PRICES[REFERENCE]

        paid = priced(done, rates())

        each = [getattr(prices, unit) for unit in done.quantities()]
        assert paid.usd == pytest.approx(sum(each))
        assert paid.cny == pytest.approx(7 * sum(each))

    def test_aws_usage_has_a_price_for_each_quantity(self):
        assert set(self.ONE_OF_EACH.quantities()) <= set(type(AWS_PRICES[REFERENCE]).model_fields)

    def test_aws_cost_in_china_names_the_reference_prices(self):
        in_china = replace(rates(), aws=aws_prices("cn-north-1"), region="cn-north-1")

        cost = incurred(done(), in_china)

        assert "AWS prices that are not known for cn-north-1 are those of us-east-1: million_transitions" in "\n".join(
            cost.assumptions
        )
        nothing = replace(AwsUsage(*[0] * 12), invocations=1_000_000)
        assert priced(nothing, in_china).cny == 1.36

    def test_aws_cost_of_another_region_names_the_reference(self):
        elsewhere = replace(rates(), region="eu-west-1", aws=aws_prices("eu-west-1"))

        assert "AWS prices are those of us-east-1" in incurred(done(), elsewhere).assumptions
        assert incurred(done(), elsewhere).aws == incurred(done(), rates()).aws

    def test_aws_cost_with_one_given_price_names_the_others(self):
        given = read_aws_prices('{"million_transitions": 30}', "eu-west-1")

        (said,) = incurred(done(), replace(rates(), region="eu-west-1", aws=given)).assumptions

        assert said.startswith("AWS prices that are not known for eu-west-1 are those of us-east-1: million_invoc")

    def test_aws_cost_of_beijing_names_ningxia(self):
        beijing = replace(rates(), region="cn-north-1", aws=aws_prices("cn-north-1"))

        assert "AWS prices of cn-north-1 are taken as in cn-northwest-1" in incurred(done(), beijing).assumptions

    def test_aws_cost_includes_sending_the_recording(self):
        empty = done().model_copy(update={"source": SOURCE.model_copy(update={"size_bytes": 0})})

        more = incurred(done(), rates()).aws.usd - incurred(empty, rates()).aws.usd

        assert more == pytest.approx(1_000_000 / 2**30 * 0.09, rel=1e-3)


class TestEstimatedUsage:
    def test_requested_job_adds_a_step_and_an_api_request(self):
        dropped, asked = done(), done().model_copy(update={"requested": RequestedOptions()})

        first, second = estimate_usage(dropped, rates()), estimate_usage(asked, rates())

        assert (second.transitions - first.transitions, second.api_requests - first.api_requests) == (3, 1)
        assert second.invocations - first.invocations == 1

    def test_sync_job_has_no_transitions(self):
        assert estimate_usage(done("sentence"), rates()).transitions == 0

    def test_unfinished_job_has_no_event_and_no_file(self):
        so_far = estimate_usage(taken(), rates())

        assert (so_far.events, so_far.s3_puts) == (0, 0)

    def test_larger_row_has_more_request_units(self):
        short, long = (
            done(),
            done().model_copy(update={"warnings": [StoredMessage(code="CutShort", params={}, text="x" * 5000)]}),
        )

        first, second = estimate_usage(short, rates()), estimate_usage(long, rates())

        assert second.table_writes > first.table_writes
        assert second.table_reads > first.table_reads


class TestCost:
    def test_cost_ignores_undated_prices_in_prices_from(self):
        undated = VendorPrice(price=7.0, source="an operator")

        assert incurred(done(), rates(asked=undated)).prices_from == AWS_PRICES[REFERENCE].date

    def test_cost_names_the_oldest_price_and_the_exchange_rate(self):
        cost = incurred(done("sentence"), rates())

        assert (cost.prices_from, cost.usd_in_cny) == (date(2024, 2, 1), 7.0)
        assert cost.assumptions == []

    def test_cost_states_an_assumed_exchange_rate(self):
        cost = incurred(done(), replace(rates(), exchange=Exchange(7.1)))

        assert cost.assumptions == ["1 USD is taken as 7.1 CNY"]

    def test_cost_of_an_unsubmitted_job_is_aws_alone(self):
        cost = incurred(new_job(SOURCE, START).fail(BUSY, START), rates())

        assert cost.vendor == NOTHING
        assert cost.total == cost.aws


class TestEstimates:
    @pytest.mark.parametrize("vendor", VENDORS)
    @pytest.mark.parametrize("duration_ms", [1_000, 60_000, HOUR_MS, 5 * HOUR_MS])
    def test_estimate_equals_the_cost_of_a_usual_job(self, vendor, duration_ms):
        known = replace(rates(), completion_modes={name: each.completion_modes for name, each in VENDORS.items()})

        job = usual_job(vendor, duration_ms, known)

        assert job.event_published
        assert estimate(vendor, duration_ms, known, size_bytes=0) == incurred(job, known)

    def test_estimate_without_a_size_assumes_the_usual_one(self):
        told, untold = estimate("asked", HOUR_MS, rates(), size_bytes=28_800_000), estimate("asked", HOUR_MS, rates())

        assert told.aws == untold.aws
        assert set(untold.assumptions) - set(told.assumptions) == {
            "the recording is taken to have 28.8 MB, as of speech at 64 kbit/s"
        }

    def test_estimate_of_an_hour(self):
        cost = estimate("asked", HOUR_MS, rates())

        assert cost.vendor == Amount(usd=1.0, cny=7.0)
        assert 0.002 < cost.aws.usd < 0.004  # most of it for sending 29 MB

    def test_estimate_of_unknown_length_has_no_total(self):
        cost = estimate("asked", None, rates())

        assert cost.total is None
        assert "the recording's length is not known" in cost.assumptions

    def test_estimate_queries_a_slower_vendor_more_often(self):
        asked = [estimate_usage(usual_job("asked", HOUR_MS, rates(), turnaround_s=each), rates()) for each in (60, 600)]

        assert asked[0].transitions < asked[1].transitions


class TestInThePipeline:
    def test_transcript_event_and_row_have_the_same_cost(self):
        made = world("done", vendors=(SYNC,))
        made.exports = ("txt",)

        job = drop(made)

        (transcript,) = [json.loads(body) for key, body in made.results.items() if key.endswith("wav.json")]
        ((_, detail),) = made.bus.published
        assert job.cost is not None
        assert job.cost.vendor == Amount(usd=0.000277778, cny=0.001944444)
        told = job.cost.model_dump(mode="json")
        assert detail["cost"]["vendor"] == transcript["cost"]["vendor"] == told["vendor"]
        # The row grows by the cost itself, by less than a write unit's price.
        assert detail["cost"]["aws"]["usd"] == pytest.approx(told["aws"]["usd"], rel=0.05)
        assert transcript["cost"]["aws"]["usd"] == pytest.approx(told["aws"]["usd"], rel=0.05)

    def test_length_from_the_vendor_is_stored_and_charged(self):
        unknown = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=None)
        made = world("done", vendors=(Toy(SYNC.name, Completion.SYNC, recognition=HEARD_AN_HOUR),))
        made.probe = lambda *_: unknown

        job = drop(made)

        assert job.audio.duration_ms == HOUR_MS
        assert job.cost.vendor == Amount(usd=1.0, cny=7.0)

    def test_redriven_job_costs_both_times(self):
        made = world("config", "accepted", "done")
        failed = drop(made)

        redrive(failed.job_id, made.services)
        submit(failed.job_id, made.services)
        query(failed.job_id, made.services)

        job = made.job()
        assert failed.cost.vendor == NOTHING
        assert job.cost.vendor == Amount(usd=0.000277778, cny=0.001944444)
        assert job.cost.aws.usd > failed.cost.aws.usd

    def test_open_job_has_no_cost(self):
        made = world("accepted", vendors=(QUERY,))

        assert drop(made).cost is None
