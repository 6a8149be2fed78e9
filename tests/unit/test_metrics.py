"""Check the emitted metrics."""

import json
from datetime import timedelta

import pytest

from asrcore.core.audio import Audio
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import new_job
from asrcore.core.money import Amount, Cost
from asrcore.core.options import Options
from asrcore.core.rate_limit import SLOT_LEAD_S
from asrcore.failures import SomeFailedError
from asrcore.metrics import METRICS, NAMESPACE, SERVICE, Metrics
from asrcore.poll import query
from asrcore.restart import redrive
from asrcore.submit import submit
from asrcore.sweep import sweep
from tests.support import metric_scenarios
from tests.support.fake_services import STACK, START
from tests.support.metric_scenarios import STORIES, all_points, points
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, world
from tests.support.reasons import reason
from tests.support.toy import TEXT

WHOLE = {"service": SERVICE, "stack": STACK}


def values(made, name, **dimensions):
    """Return the values with exactly these dimensions, besides those of every metric."""
    wanted = {**WHOLE, **dimensions}
    return [point.value for point in points(made.measured) if (point.name, point.dimensions) == (name, wanted)]


@pytest.mark.parametrize("name", METRICS)
def test_emitted_metrics_equal_the_table(name):
    metric = METRICS[name]
    told = [point for point in all_points() if point.name == name]

    assert {point.namespace for point in told} == {NAMESPACE}
    assert {point.unit for point in told} == {metric.unit.value}
    assert {tuple(sorted(point.dimensions)) for point in told} == {
        tuple(sorted([*WHOLE, *names])) for names in ((), *metric.by)
    }


def test_every_metric_is_in_the_table():
    assert {point.name for point in all_points()} == set(METRICS)


def test_every_metric_has_the_stack_dimension():
    assert {(point.dimensions["service"], point.dimensions["stack"]) for point in all_points()} == {(SERVICE, STACK)}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_metric_line_has_only_numbers_names_and_the_job(story):
    made = story()
    ours = {SERVICE, STACK, "none", *made.vendors, *map(str, ErrorClass), *made.rows}

    for line in map(json.loads, made.measured):
        told = {name: value for name, value in line.items() if name not in METRICS and name != "_aws"}
        assert set(told.values()) <= ours
    assert not [line for line in made.measured if KEY in line or TEXT in line]


def test_completed_job_emits_turnaround_and_cost():
    made = metric_scenarios.completed_by_query()

    told = {name: values(made, name, vendor="toy-query") for name in METRICS if METRICS[name].by == (("vendor",),)}

    assert told == {
        "Submissions": [1],
        "JobsCompleted": [1],
        "FailureRate": [0],
        "Turnaround": [30 + SLOT_LEAD_S],
        "TurnaroundRatio": [30 + SLOT_LEAD_S],
        "AttemptsPerJob": [1],
        "QueriesPerJob": [1],
        "CostUsd": [made.job().cost.total.usd],
        "CostCny": [made.job().cost.total.cny],
    }
    assert values(made, "RecordingsReceived") == values(made, "JobsCompleted") == [1]
    assert values(made, "JobsFailed") == []


@pytest.mark.parametrize(
    ("story", "error_class", "vendor"),
    [
        pytest.param(metric_scenarios.failed_at_the_vendor, "bad_audio", "toy-sync", id="a vendor refused it"),
        pytest.param(metric_scenarios.failed_before_any_vendor, "bad_audio", "none", id="no vendor was chosen"),
    ],
)
def test_failed_job_is_counted_by_class_and_vendor(story, error_class, vendor):
    made = story()

    assert values(made, "JobsFailed") == [1]
    assert values(made, "JobsFailed", **{"class": error_class}) == [1]
    assert values(made, "JobsFailed", **{"class": error_class, "vendor": vendor}) == [1]
    assert values(made, "FailureRate", vendor=vendor) == [100]
    assert values(made, "JobsCompleted") == values(made, "Turnaround") == []


def test_failed_over_attempt_is_not_a_failed_job():
    made = metric_scenarios.refused_then_served()

    assert values(made, "AttemptsFailed", **{"class": "config"}) == [1]
    assert values(made, "AttemptsFailed", **{"class": "config", "vendor": "toy-sync"}) == [1]
    assert values(made, "Submissions") == [1, 1]
    assert values(made, "AttemptsPerJob", vendor="toy-query") == [2]
    assert values(made, "JobsFailed") == []


def test_redelivered_event_is_counted_once():
    made = world("accepted")

    drop(made)
    drop(made)

    assert values(made, "RecordingsReceived") == values(made, "Submissions") == [1]


def test_repeated_end_event_is_counted_once():
    made = world("done", vendors=(SYNC,))
    publish = made.events.publish
    made.events.publish = lambda *_: (_ for _ in ()).throw(RuntimeError("the bus is down"))
    with pytest.raises(SomeFailedError):
        drop(made)

    made.events.publish = publish
    drop(made)
    drop(made)

    assert values(made, "JobsCompleted") == [1]


def test_concurrent_end_events_are_counted_once():
    made = world("accepted", "done")
    job = drop(made)

    put_item = made.table.put_item

    def put_after_another_mark(**arguments):
        if arguments["Item"]["event_published"]["BOOL"]:
            made.table.put_item = put_item
            held = made.jobs.load(job.job_id)
            made.jobs.save(held.mark_event_published(1))
        put_item(**arguments)

    made.table.put_item = put_after_another_mark
    query(job.job_id, made.services)

    assert made.job().event_published
    assert values(made, "JobsCompleted") == []  # the other process counts it


def test_redriven_job_is_counted_again():
    made = world("config", "done", vendors=(SYNC,))
    job = drop(made)

    redrive(job.job_id, made.services)
    submit(job.job_id, made.services)

    assert values(made, "FailureRate") == [100, 0]
    assert sum(values(made, "CostUsd")) == pytest.approx(made.job().cost.known.usd)


def test_cost_is_emitted_per_vendor_without_earlier_cost():
    lines: list[str] = []
    job = new_job(SOURCE, START).model_copy(update={"vendor": "b"})
    aws, known = Amount(usd=0.1, cny=0.7), Amount(usd=1.0, cny=7.0)
    facts = {"vendor": None, "total": None, "usd_in_cny": 7.0, "prices_from": START.date()}
    before = Cost(vendors={"a": known}, aws=aws, **facts)
    after = Cost(vendors={"a": known + known, "b": known}, aws=aws + aws, **facts)

    Metrics(STACK, lines.append).ended(job.model_copy(update={"cost": after}), before=before)

    told = [(point.dimensions.get("vendor"), point.value) for point in points(lines) if point.name == "CostUsd"]
    assert told == [(None, 1.0), ("a", 1.0), (None, 1.1), ("b", 1.1)]


def test_unknown_duration_has_a_turnaround_and_no_ratio():
    lines: list[str] = []
    unknown = Audio(format="silk", codec="silk", sample_rate_hz=None, channels=None, duration_ms=None)
    job = new_job(SOURCE, START).plan(SOURCE, unknown, Options(), vendors=["a"], warnings=[], now=START)

    Metrics(STACK, lines.append).ended(job.complete(None, "transcripts/x.json", [], START + timedelta(seconds=9)))

    told = {point.name: point.value for point in points(lines)}
    assert told["Turnaround"] == 9
    assert "TurnaroundRatio" not in told


class TestSweep:
    def test_sweep_reports_zero_without_open_jobs(self):
        made = world()

        sweep(made.services)

        assert (values(made, "OpenJobs"), values(made, "OldestOpenJobAge")) == ([0], [0])

    def test_oldest_open_job_is_reported(self):
        made = world("accepted", "accepted", "working", vendors=(QUERY,))
        oldest = drop(made)
        made.pass_time(100)
        drop(made, SOURCE.model_copy(update={"version_id": "v2"}))
        query(oldest.job_id, made.services)
        made.pass_time(20)

        sweep(made.services)

        assert (values(made, "OpenJobs"), values(made, "OldestOpenJobAge")) == ([2], [120 + 2 * SLOT_LEAD_S])

    def test_job_with_a_published_end_is_not_open(self):
        made = world("done", vendors=(SYNC,))
        drop(made)
        made.pass_time(50)

        sweep(made.services)

        assert values(made, "OldestOpenJobAge") == [0]

    def test_job_with_an_unpublished_end_is_open(self):
        made = world("accepted")
        job = drop(made)
        error = AsrError(ErrorClass.CONFIG, "c", reason("m"))
        made.services.update_job(job.job_id, lambda job: job.fail(error, made.clock))
        made.pass_time(50)

        sweep(made.services)

        assert values(made, "OldestOpenJobAge") == [50 + SLOT_LEAD_S]
