"""The budget: what a job reserves, when it waits, and what becomes of an entry after a crash."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from pydantic import ValidationError

from asrcore.cancellation import cancel
from asrcore.core.budget import (
    WAKE_S,
    Budget,
    BudgetEntry,
    BudgetLimit,
    BudgetReachedError,
    Reservation,
    read_budget,
    uploader,
    uploader_group,
    wait_end,
)
from asrcore.core.cost import owed
from asrcore.core.job import DEADLINE_S, Status
from asrcore.core.rate_limit import RateLimit, day_start, vendor_day
from asrcore.core.step import GRACE_S, Next
from asrcore.deletion import delete
from asrcore.failures import SomeFailedError
from asrcore.poll import query
from asrcore.restart import redrive
from asrcore.spending import wait_or_refuse
from asrcore.submit import submit
from asrcore.sweep import sweep
from asrctl import budget
from asrctl.columns import job_table
from asrctl.explain import explain_job
from asrctl.live import LiveTable
from asrctl.output import write_lines
from asrctl.result import TextTable
from tests.support.api_client import Caller
from tests.support.fake_services import START
from tests.support.metric_scenarios import points
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, world
from tests.support.sampled import exhaustive

ONE = 1944  # micro-yuan of a second at a dollar, or seven yuan, an hour
FOR_ONE = 0.003  # yuan
FOR_TWO = 0.005
TODAY = vendor_day(START)


def version(number):
    return SOURCE.model_copy(update={"version_id": f"v{number}", "sequencer": f"0{number}"})


def limited(*words, vendors=(QUERY,), **limits):
    made = world(*words, vendors=vendors)
    made.budget = Budget(**{"per_day": FOR_ONE, **limits})
    return made


def made_entry():
    return BudgetEntry("0" * 32, 1, {TODAY: ONE}, "", int(START.timestamp()))


def balance(made):
    return made.budget_rows.balance(vendor_day(made.clock))


def day_total(made):
    return balance(made).days.get(vendor_day(made.clock), 0)


class TestReservation:
    def test_submission_reserves_the_estimate_once(self):
        made = limited("accepted")

        job = drop(made)

        found = balance(made)
        assert (found.month, found.days, found.entries) == (ONE, {TODAY: ONE}, ())
        assert job.reservation.days == {TODAY: ONE}

    def test_right_estimate_needs_no_correction(self):
        made = limited("accepted", "done")
        job = drop(made)
        made.pass_time(30)

        query(job.job_id, made.services)

        assert made.job().status is Status.COMPLETED
        assert (day_total(made), len(made.job().reservation.entries)) == (ONE, 1)

    def test_failed_job_gives_its_reservation_back(self):
        made = limited("config")

        job = drop(made)

        assert job.status is Status.FAILED
        assert (day_total(made), balance(made).entries, job.reservation.total) == (0, (), 0)

    def test_job_cancelled_before_its_submission_gives_back(self):
        made = limited()
        made.occupy("toy-query", made.clock + timedelta(hours=1))
        job = drop(made)
        assert day_total(made) == ONE

        cancel(job.job_id, made.services)

        assert day_total(made) == 0

    def test_job_deleted_after_its_submission_stays_counted(self):
        made = limited("accepted")
        job = drop(made)

        delete(job, made.services)

        assert day_total(made) == ONE
        assert balance(made).entries == ()

    def test_retry_reserves_nothing_more(self):
        made = limited("retry", "accepted")
        job = drop(made)
        made.pass_time(10)

        submit(job.job_id, made.services)

        assert (made.job().attempt.number, day_total(made)) == (2, ONE)

    def test_unknown_price_counts_as_the_dearest_hour(self):
        made = limited("config", "accepted", vendors=(SYNC, QUERY))

        job = drop(made)

        assert (job.vendor, job.reservation.total) == ("toy-query", ONE)

    def test_unknown_length_reserves_an_hour(self):
        made = limited("accepted", per_day=10)
        job = drop(made)
        unknown = job.model_copy(update={"audio": job.audio.model_copy(update={"duration_ms": None})})

        assert owed(unknown, made.services.settings.rates) == 7_000_000

    def test_redriven_job_reserves_again(self):
        made = limited("config", "accepted")
        job = drop(made)

        redrive(job.job_id, made.services)
        submit(job.job_id, made.services)

        assert (made.job().status, day_total(made)) == (Status.IN_PROGRESS, ONE)

    def test_stack_without_limits_reserves_nothing(self):
        made = world("accepted")

        job = drop(made)

        assert job.reservation == Reservation()
        assert not [key for key in made.table.items if key.startswith("budget#")]


class TestReached:
    def waiting(self, **limits):
        made = limited("accepted", "accepted", **limits)
        drop(made, version(1))
        return made, drop(made, version(2))

    def test_job_beyond_the_budget_waits_until_the_next_day(self):
        made, job = self.waiting()

        step = made.services.next_step(job)
        tomorrow = day_start(TODAY + timedelta(days=1))
        assert (job.status, job.attempts, job.budget_wait.limit) == (Status.QUEUED, [], BudgetLimit.DAY)
        assert step.next is Next.SUBMIT
        late_s = (made.clock + timedelta(seconds=step.wait_s) - tomorrow).total_seconds()
        assert 0 <= late_s <= WAKE_S
        assert day_total(made) == ONE

    def test_job_beyond_the_month_waits_until_the_next_month(self):
        _, job = self.waiting(per_day=0, per_month=FOR_ONE)

        assert job.budget_wait.limit is BudgetLimit.MONTH
        assert vendor_day(job.budget_wait.until) == date(2026, 2, 1)

    def test_wait_does_not_count_for_the_deadline(self):
        _, job = self.waiting()

        assert job.deadline_at == job.budget_wait.until + timedelta(seconds=DEADLINE_S)

    def test_wait_does_not_count_for_the_oldest_job_alarm(self):
        made, _ = self.waiting()
        made.pass_time(3600)

        assert len(list(made.jobs.open_since())) == 1

    def test_event_that_comes_again_changes_nothing(self):
        made, job = self.waiting()

        assert drop(made, version(2)) == job

    def test_api_names_the_reason_and_the_end_of_the_wait(self):
        made, job = self.waiting()

        found = Caller(made).get(f"/jobs/{job.job_id}").json

        assert (found["status"], found["stage"], found["waiting"]["code"]) == (
            "QUEUED",
            "waiting_for_budget",
            "BudgetReached",
        )
        until = f"{job.budget_wait.until:%Y-%m-%d %H:%M} UTC"
        assert found["waiting"]["text"] == f"waits until {until}: the budget of 0.003 CNY per day is used up"
        assert datetime.fromisoformat(found["waiting"]["until"]) == job.budget_wait.until

    def test_why_names_the_reason_and_what_to_do(self):
        made, job = self.waiting()

        told = explain_job(job, frozenset(), execution="RUNNING", transcript_bucket="transcripts", now=made.clock)

        until = job.budget_wait.until.strftime("%H:%M:%S")
        assert str(told.sentences[-1]) == (
            f"QUEUED: the budget of 0.003 CNY per day is used up (BudgetReached). The job waits until {until}."
        )
        assert "budget set" in str(told.advice)

    def test_list_and_watch_name_the_end_of_the_wait(self):
        made, job = self.waiting()
        log = io.StringIO()

        write_lines([job_table([job], ["status", "error"], made.clock)], log, "en")
        LiveTable(log, "en").show([job], made.clock)

        said = f"BudgetReached until {job.budget_wait.until:%Y-%m-%d %H:%M} UTC"
        assert log.getvalue().count(f"QUEUED  {said}\n") == 1
        assert f"  {said}  incoming/" in log.getvalue()

    def test_waiting_job_is_submitted_the_next_day(self):
        made, job = self.waiting()
        made.clock = job.budget_wait.until

        step = submit(job.job_id, made.services)

        moved = made.jobs.load(job.job_id)
        assert (step.next, moved.attempt.number, moved.attempt.submitted_at) == (Next.QUERY, 1, made.clock)
        assert day_total(made) == ONE
        ages = list(made.jobs.open_since())
        assert sorted(ages) == [START, moved.updated_at], "a job that has waited counts from its last change"

    def test_refusing_stack_fails_the_job(self):
        _, job = self.waiting(when_reached="refuse")

        assert (job.status, job.error.code, str(job.error.class_)) == (Status.FAILED, "BudgetReached", "config")

    def test_recording_dearer_than_the_budget_fails(self):
        made = limited(per_day=0.001)

        job = drop(made)

        assert (job.status, job.error.code) == (Status.FAILED, "BudgetTooSmall")

    def test_cancelled_job_waits_no_longer(self):
        made, job = self.waiting()

        ended = cancel(job.job_id, made.services)

        assert (ended.status, made.executions.stopped) == (Status.FAILED, [job.execution_name])
        assert list(made.jobs.waiting_for_budget()) == []

    def test_job_that_reserved_meanwhile_does_not_wait(self):
        made = limited()
        made.occupy("toy-query", made.clock + timedelta(hours=1))
        reserved = drop(made)
        stale = reserved.model_copy(update={"reservation": Reservation()})
        reached = BudgetReachedError(BudgetLimit.DAY, made.budget, ONE)

        assert wait_or_refuse(stale, reached, made.services) == reserved

    def test_stalled_wait_is_found_after_its_end(self):
        made, job = self.waiting()

        assert job.job_id not in made.jobs.find_stalled(made.clock)
        made.clock = job.budget_wait.until + timedelta(seconds=GRACE_S + WAKE_S)
        assert job.job_id in made.jobs.find_stalled(made.clock - timedelta(seconds=GRACE_S))


class TestUploader:
    def dropped(self, made, key):
        made.audio[key] = made.audio[KEY]
        return drop(made, SOURCE.model_copy(update={"key": key}))

    def test_limit_holds_for_one_folder_only(self):
        made = limited("accepted", "accepted", per_day=1, uploader_per_day=FOR_ONE)

        first, second = (self.dropped(made, f"incoming/auto/ann/{name}.wav") for name in "ab")
        other = self.dropped(made, "incoming/auto/ben/a.wav")

        assert [job.status for job in (first, second, other)] == [
            Status.IN_PROGRESS,
            Status.QUEUED,
            Status.IN_PROGRESS,
        ]
        assert second.budget_wait.limit is BudgetLimit.UPLOADER
        assert (day_total(made), balance(made).entries) == (2 * ONE, ())

    def test_failed_job_gives_back_to_its_folder(self):
        made = limited("config", "accepted", per_day=1, uploader_per_day=FOR_ONE)

        first, second = (self.dropped(made, f"incoming/auto/ann/{name}.wav") for name in "ab")

        assert (first.status, second.status) == (Status.FAILED, Status.IN_PROGRESS)

    @pytest.mark.parametrize(
        ("key", "prefix"),
        [
            ("incoming/auto/ann/2026/a.wav", "incoming/auto/ann/"),
            ("incoming/volcengine/a.wav", "incoming/volcengine/"),
            (f"incoming/auto/uploads/{'0f' * 16}/a.wav", "incoming/auto/uploads/"),
            ("incoming/a.wav", "incoming/"),
            ("linked/0123/a.wav", "linked/"),
        ],
    )
    def test_uploader_is_the_first_folder(self, key, prefix):
        assert uploader(key) == prefix


class TestPlaces:
    @pytest.mark.parametrize("files", [1_000, exhaustive(10_000)])
    def test_junk_of_one_folder_delays_others_by_a_day_at_most(self, files):
        made = world(vendors=(QUERY,))
        rate, junk, honest = RateLimit(1000, per_day=500), *map(uploader_group, ("incoming/auto/junk/a", KEY))
        for _ in range(files):
            made.jobs.reserve_slot("toy-query", rate, START, group=junk)

        slots = [made.jobs.reserve_slot("toy-query", rate, START, group=honest) for _ in range(20)]

        assert {vendor_day(slot) for slot in slots} == {TODAY + timedelta(days=1)}


class TestCheck:
    def test_entry_of_a_crash_is_given_back(self):
        made = limited("accepted")
        made.jobs.reserve_slot = Mock(side_effect=RuntimeError("the process dies"))
        with pytest.raises(SomeFailedError):
            drop(made)
        assert (day_total(made), len(balance(made).entries)) == (ONE, 1)

        sweep(made.services)
        assert day_total(made) == ONE, "an invocation may still store it"
        made.pass_time(GRACE_S + 1)
        sweep(made.services)

        assert (day_total(made), balance(made).entries) == (0, ())

    def test_entry_that_the_job_has_is_removed_only(self):
        made = limited("accepted")
        forget = made.budget_rows.forget
        made.budget_rows.forget = lambda entry: None
        drop(made)
        made.budget_rows.forget = forget

        made.pass_time(GRACE_S + 1)
        sweep(made.services)

        assert (day_total(made), balance(made).entries) == (ONE, ())

    def test_entry_of_the_last_month_is_given_back(self):
        made = limited()
        day = date(2025, 12, 30)
        made.budget_rows.count(replace(made_entry(), days={day: ONE}, at=0), Budget())

        sweep(made.services)

        assert (made.budget_rows.balance(day).month, made.budget_rows.balance(day).entries) == (0, ())

    def test_raised_budget_wakes_the_oldest_jobs(self):
        made = limited("accepted", "accepted", "accepted")
        jobs = []
        for number in (1, 2, 3):
            made.pass_time(1)
            jobs.append(drop(made, version(number)))

        made.budget_rows.save_limits({"per_day": FOR_TWO})
        sweep(made.services)

        second, third = (made.jobs.load(job.job_id) for job in jobs[1:])
        assert (second.run, second.waits_for_budget, third.waits_for_budget) == (2, False, True)
        assert made.services.next_step(second).wait_s == 0
        assert made.executions.stopped == [jobs[1].execution_name]
        assert second.execution_name in made.executions.started

    def test_new_day_wakes_only_jobs_of_a_later_one(self):
        made = limited("accepted", "accepted")
        drop(made, version(1))
        before = drop(made, version(2))
        made.clock = day_start(TODAY + timedelta(days=1)) + timedelta(seconds=1)
        drop(made, version(3))
        later = drop(made, version(4))

        made.budget_rows.save_limits({"per_day": 1})
        sweep(made.services)

        assert before.budget_wait.until < later.budget_wait.until
        assert [made.jobs.load(job.job_id).waits_for_budget for job in (before, later)] == [True, False]

    def test_job_that_costs_less_makes_room(self):
        made = limited("config", "accepted", "accepted")
        made.occupy("toy-query", made.clock + timedelta(hours=1))
        first = drop(made, version(1))
        second = drop(made, version(2))
        assert second.waits_for_budget

        cancel(first.job_id, made.services)
        sweep(made.services)

        assert not made.jobs.load(second.job_id).waits_for_budget

    def test_metric_is_of_the_limit_used_most(self):
        made = limited("accepted", per_day=0.004, per_month=0.002)
        drop(made)

        sweep(made.services)

        values = [point.value for point in points(made.measured) if point.name == "BudgetUsed"]
        assert values == [pytest.approx(97.2)]

    def test_waiting_job_makes_the_metric_a_hundred(self):
        made = limited("accepted", per_day=0.0025)
        drop(made, version(1))
        drop(made, version(2))

        sweep(made.services)

        found = {point.name: point.value for point in points(made.measured)}
        assert (found["BudgetUsed"], found["JobsWaitingForBudget"]) == (100, 1)


class TestLimits:
    def test_set_limits_win_over_the_parameters(self):
        made = world()

        made.budget_rows.save_limits({"per_day": 5.0})
        made.budget_rows.save_limits({"when_reached": "refuse"})

        found = made.budget_rows.load_limits(Budget(per_day=1, per_month=30))
        assert found == Budget(per_day=5, per_month=30, when_reached="refuse")
        made.budget_rows.save_limits({})
        assert made.budget_rows.load_limits(Budget(per_day=1)) == Budget(per_day=1)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -1])
    def test_impossible_limit_is_not_stored(self, value):
        made = world()

        with pytest.raises(ValidationError):
            made.budget_rows.save_limits({"per_day": value})

        assert made.budget_rows.load_limits(Budget(per_day=1)) == Budget(per_day=1)

    def test_parameters_are_read_as_the_template_joins_them(self):
        assert read_budget("300/3000.5/0/refuse") == Budget(per_day=300, per_month=3000.5, when_reached="refuse")
        assert not read_budget("").is_limited

    @pytest.mark.parametrize("text", ["300", "a/b/c/wait", "1/1/1/sometimes", "-1/0/0/wait"])
    def test_other_parameters_are_rejected(self, text):
        with pytest.raises(ValueError, match=r"."):
            read_budget(text)


class TestCommand:
    def stack(self, made):
        return SimpleNamespace(services=made.services)

    def test_budget_show_has_what_is_reserved(self):
        made = limited("accepted", per_day=0.0025, per_month=10)
        drop(made, version(1))
        drop(made, version(2))

        found = budget.show(self.stack(made), made.clock)

        assert (found.data.day, found.data.reserved_day, found.data.waiting) == ("2026-01-02", 0.001944, 1)
        (table,) = (line for line in found.lines if isinstance(line, TextTable))
        assert [[str(cell) for cell in row] for row in table.rows] == [
            ["today", "0.00", "0.00"],
            ["this month", "0.00", "10.00"],
            ["each folder, per day", "-", "no limit"],
        ]

    def test_budget_set_changes_only_what_is_given(self):
        made = limited(per_day=1, per_month=10)

        shown = budget.set_limits(self.stack(made), {"per_day": 2.0}, made.clock, dry_run=True)
        found = budget.set_limits(self.stack(made), {"per_day": 2.0}, made.clock, dry_run=False)
        back = budget.set_limits(self.stack(made), {}, made.clock, dry_run=False)

        assert [each.data.per_day for each in (shown, found, back)] == [1, 2, 1]
        assert found.data.per_month == 10


class TestDays:
    def test_corrections_give_back_the_last_days_first(self):
        held = Reservation(days={date(2026, 1, 1): 5, date(2026, 1, 2): 3})

        assert held.corrections(6, TODAY) == {date(2026, 1, 2): -2}
        assert held.corrections(1, TODAY) == {date(2026, 1, 2): -3, date(2026, 1, 1): -4}
        assert held.corrections(9, TODAY) == {date(2026, 1, 2): 1}
        assert held.corrections(8, TODAY) == {}

    def test_correction_across_months_changes_both_rows(self):
        made = limited("accepted", per_day=1)
        days = {date(2026, 1, 31): -5, date(2026, 2, 1): 3}
        entry = replace(made_entry(), days=days)

        made.budget_rows.count(entry, Budget())

        rows = [made.budget_rows.balance(day) for day in days]
        assert [(row.month, dict(row.days)) for row in rows] == [(each, {day: each}) for day, each in days.items()]
        made.budget_rows.forget(entry)
        assert not [entry for day in days for entry in made.budget_rows.balance(day).entries]

    def test_days_and_months_are_those_of_china(self):
        last, first = datetime(2026, 1, 31, 15, 59, tzinfo=UTC), datetime(2026, 1, 31, 16, tzinfo=UTC)

        ends = [wait_end(limit, "", now) for limit in (BudgetLimit.DAY, BudgetLimit.MONTH) for now in (last, first)]

        begins = [first, first + timedelta(days=1), first, datetime(2026, 2, 28, 16, tzinfo=UTC)]
        assert all(begin <= end <= begin + timedelta(seconds=WAKE_S) for begin, end in zip(begins, ends, strict=True))

    def test_job_that_waits_longer_continues_earlier(self):
        ends = [wait_end(BudgetLimit.DAY, "", START + timedelta(hours=hours)) for hours in range(12)]

        assert ends == sorted(set(ends))

    def test_waits_of_jobs_end_at_different_times(self):
        ends = {wait_end(BudgetLimit.DAY, f"{number:032x}", START) for number in range(50)}

        assert len(ends) > 20
