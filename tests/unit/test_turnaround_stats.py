"""What a vendor usually takes, and what is made of it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrcore.core.polling import LATE, SHORTEST_S, next_delay
from asrcore.core.step import next_check_deadline
from asrcore.core.turnaround_stats import BUCKETS, ENOUGH, TurnaroundSum, duration_bucket, turnaround_sum, typical_s
from asrcore.core.vendor import Completion
from asrcore.poll import query
from tests.support.fake_services import START
from tests.support.pipeline import CALLBACK, QUERY, SYNC, drop, world


def tallies(*turnarounds_s, audio_s=3600):
    return {duration_bucket(audio_s): sum(map(turnaround_sum, turnarounds_s), TurnaroundSum())}


class TestTypical:
    @pytest.mark.parametrize(
        ("audio_s", "place"),
        [
            pytest.param(0, 0, id="nothing"),
            pytest.param(1.9, 0, id="a second"),
            pytest.param(2, 1, id="two seconds"),
            pytest.param(60, 5, id="a minute"),
            pytest.param(3600, 11, id="an hour"),
            pytest.param(5 * 3600, 14, id="five hours"),
            pytest.param(10**9, 14, id="for ever"),
        ],
    )
    def test_duration_bucket_is_a_doubling(self, audio_s, place):
        assert duration_bucket(audio_s) == place

    def test_typical_turnaround_resists_one_outlier(self):
        held = tallies(*[100] * 20, 5 * 3600)

        assert 100 < typical_s(held, 3600) < 106

    def test_typical_turnaround_is_interpolated_between_buckets(self):
        held = tallies(*[100] * ENOUGH, audio_s=2100) | tallies(*[200] * ENOUGH, audio_s=4200)
        between = [typical_s(held, audio_s) for audio_s in (2900, 3500, 4095, 4096, 4700, 5700)]

        assert between == sorted(between)
        assert between[0] == pytest.approx(100, rel=0.02)
        assert between[3] == pytest.approx(2**0.5 * 100, rel=0.02)
        assert between[-1] == pytest.approx(200, rel=0.02)

    @pytest.mark.parametrize(
        ("audio_s", "known"),
        [
            pytest.param(3600, True, id="the same length"),
            pytest.param(2048, True, id="the shortest of its kind"),
            pytest.param(4096, False, id="one of the next kind"),
            pytest.param(900, False, id="a quarter of it"),
        ],
    )
    def test_typical_turnaround_unknown_for_an_empty_bucket(self, audio_s, known):
        assert (typical_s(tallies(*[100] * ENOUGH), audio_s) is not None) is known

    @given(
        st.dictionaries(st.integers(0, BUCKETS - 1), st.lists(st.floats(0, 1e7), min_size=1, max_size=9)),
        st.floats(0, 1e6),
    )
    def test_typical_turnaround_is_within_the_observed_ones(self, seen, audio_s):
        held = {place: sum(map(turnaround_sum, turnarounds), TurnaroundSum()) for place, turnarounds in seen.items()}
        told = typical_s(held, audio_s)

        assert told is None or 0.9 <= told <= 100_000


class TestSchedule:
    @pytest.mark.parametrize(
        ("elapsed_s", "queries", "typical_seconds", "delay_s"),
        [
            pytest.param(0, 0, 300, 150, id="first at half the usual time"),
            pytest.param(10, 0, 300, 140, id="first, some of it over"),
            pytest.param(0, 0, 2, SHORTEST_S, id="first, of a vendor that is at once done"),
            pytest.param(200, 1, 100, 24, id="then after an eighth of the time waited"),
            pytest.param(301, 4, 100, 90.3, id="more seldom when it is late"),
            pytest.param(0, 0, None, 72, id="first, of a vendor of which nothing is known"),
        ],
    )
    def test_wait_before_the_next_query(self, elapsed_s, queries, typical_seconds, delay_s):
        assert next_delay(3600, elapsed_s, queries, typical_seconds) == pytest.approx(delay_s)

    def test_wait_grows_faster_when_a_result_is_late(self):
        assert next_delay(3600, LATE * 100, 3, 100) < next_delay(3600, LATE * 100 + 1, 3, 100)


def learn(made, turnaround_s=80, vendor=QUERY.name):
    for _ in range(ENOUGH):
        made.turnaround_stats.record(vendor, 1, turnaround_s, made.clock)


def test_first_query_is_at_half_the_usual_turnaround():
    made = world("accepted", "done")
    learn(made)

    job = drop(made)

    assert job.attempt.typical_s == 80
    assert made.services.next_step(job).wait_s == 40


def test_next_check_deadline_ignores_later_statistics():
    made = world("accepted", "working")
    learn(made)
    job = drop(made)
    expected = next_check_deadline(job, frozenset({Completion.QUERY}))

    learn(made, 5000)

    assert made.services.next_step(made.job()).wait_s == 40
    assert next_check_deadline(made.job(), frozenset({Completion.QUERY})) == expected


def recorded(made):
    """Return the sums of the shortest recordings that the table has, by vendor and month."""
    rows = {key: item for key, item in made.table.items.items() if key.startswith("history#")}
    return {
        tuple(key.split("#")[1:]): TurnaroundSum(int(item["count_0"]["N"]), int(item["speed_0"]["N"]))
        for key, item in rows.items()
    }


def test_turnaround_of_a_completed_attempt_is_recorded_once():
    made = world("accepted", "working", "done", "done")
    job = drop(made)
    submitted_at = job.attempt.submitted_at

    for wait_s in (10, 30):
        made.pass_time(wait_s)
        query(job.job_id, made.services)
    query(job.job_id, made.services)

    assert made.job().attempt.ended_at - submitted_at == timedelta(seconds=40)
    assert recorded(made) == {(QUERY.name, f"{START:%Y-%m}"): turnaround_sum(40)}


def test_turnaround_of_a_sync_vendor_is_recorded():
    made = world("done", vendors=(SYNC,))

    drop(made)

    assert recorded(made) == {(SYNC.name, f"{START:%Y-%m}"): turnaround_sum(1)}


@pytest.mark.parametrize(
    ("vendor", "words"),
    [
        pytest.param(CALLBACK, ("accepted",), id="in progress"),
        pytest.param(QUERY, ("config",), id="that failed"),
    ],
)
def test_no_turnaround_is_recorded(vendor, words):
    made = world(*words, vendors=(vendor,))

    drop(made)

    assert recorded(made) == {}


def test_vendor_without_queries_has_no_typical_turnaround_in_row():
    made = world("accepted", vendors=(CALLBACK,))
    learn(made, vendor=CALLBACK.name)

    assert drop(made).attempt.typical_s is None
