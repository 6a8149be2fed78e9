"""One suite for the stores on the tests' fake AWS and on moto: what they do on the one, they do on the other."""

import base64
import json
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from asrcore.core.audio import Audio
from asrcore.core.budget import Balance, Budget, BudgetEntry, BudgetLimit
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Status, new_job
from asrcore.core.money import Amount, Cost
from asrcore.core.option_sources import LARGEST_SIDECAR_BYTES
from asrcore.core.options import Options
from asrcore.core.rate_limit import RateLimit, day_start, vendor_day
from asrcore.core.step import Next, Step
from asrcore.core.transcript import Source
from asrcore.ports import ConflictError, CountedSubmission, IdempotencyRecord, JobFilter, TranscriptOrigin
from asrcore.stores.budget import DynamoBudget
from asrcore.stores.jobs import MOST_WRITES, DynamoJobs
from asrcore.stores.objects import S3Recordings, S3Transcripts, S3Versions, Uploads
from asrcore.stores.workflow import EventBridge, StepFunctionsWorkflow
from tests.support import mocked_aws
from tests.support.fake_aws import S3, DynamoDb, refusal
from tests.support.fake_services import START
from tests.support.pipeline import SOURCE
from tests.support.reasons import reason
from tests.support.sampled import each_value_once
from tests.support.table import create_jobs_table
from tests.support.web import Web, eventually

COST = Cost(
    vendor=None,
    vendors={"toy": Amount(usd=1.5, cny=10.0)},
    aws=Amount(usd=0.5, cny=4.000000001),
    total=None,
    usd_in_cny=7,
    prices_from=date(2026, 1, 1),
)


def jobs_store(kind):
    if kind == "fake":
        return DynamoJobs(DynamoDb(), "jobs")
    client = mocked_aws.client("dynamodb")
    return DynamoJobs(client, create_jobs_table(client))


@pytest.fixture(params=["fake", "moto"])
def jobs(request, aws):
    return jobs_store(request.param)


@pytest.fixture(params=["fake", "moto"])
def budget(request, aws):
    if request.param == "fake":
        return DynamoBudget(DynamoDb(), "jobs")
    client = mocked_aws.client("dynamodb")
    return DynamoBudget(client, create_jobs_table(client))


class TestJobs:
    def test_job_is_created_once_and_reads_back_equal(self, jobs):
        job = new_job(SOURCE, START)

        assert jobs.create(job)
        assert not jobs.create(job.model_copy(update={"run": 9}))
        assert jobs.load(job.job_id) == job

    def test_any_job_reads_back_equal(self, jobs):
        job = new_job(SOURCE, START)
        unknown = Audio(format="silk", codec="silk", sample_rate_hz=None, channels=None, duration_ms=None)
        planned = job.plan(SOURCE, unknown, Options(speakers=2), vendors=["a"], warnings=[reason("w")], now=START)
        failed = planned.claim("t", [], START).fail(
            AsrError(ErrorClass.CONFIG, "UnknownVendor", reason("no such vendor")), START
        )

        jobs.create(job)
        saved = jobs.save(failed)

        assert jobs.load(job.job_id) == saved

    def test_unknown_job_is_none(self, jobs):
        assert jobs.load("unknown") is None

    def test_concurrent_update_of_a_row_is_rejected(self, jobs):
        jobs.create(new_job(SOURCE, START))
        one = two = jobs.load(new_job(SOURCE, START).job_id)

        saved = jobs.save(one.model_copy(update={"run": 2}))

        with pytest.raises(ConflictError):
            jobs.save(two.model_copy(update={"run": 3}))
        assert jobs.load(one.job_id) == saved
        assert saved.run == 2

    def test_slots_are_spaced_by_the_rate_limit(self, jobs):
        slots = [jobs.reserve_slot("toy", RateLimit(4), START) for _ in range(3)]

        assert slots == [START + timedelta(microseconds=RateLimit(4).interval_us * place) for place in range(3)]

    def test_unused_slots_expire(self, jobs):
        for _ in range(8):
            jobs.reserve_slot("toy", RateLimit(4), START)

        later = START + timedelta(minutes=1)
        assert jobs.reserve_slot("toy", RateLimit(4), later) == later

    def test_daily_limit_moves_slots_to_the_next_day(self, jobs):
        slots = [jobs.reserve_slot("toy", RateLimit(2, per_day=3), START) for _ in range(5)]

        days = [vendor_day(slot) for slot in slots]
        assert days == [vendor_day(START)] * 3 + [vendor_day(START) + timedelta(days=1)] * 2
        assert slots[3:] == [day_start(days[3]), day_start(days[3]) + timedelta(microseconds=RateLimit(2).interval_us)]

    def test_late_use_of_a_daily_slot_is_counted_once(self, jobs):
        first = jobs.reserve_slot("toy", RateLimit(2, per_day=2), START)
        again = jobs.reserve_slot("toy", RateLimit(2, per_day=2), START, counted=vendor_day(first))
        other = jobs.reserve_slot("toy", RateLimit(2, per_day=2), START)

        assert [vendor_day(slot) for slot in (first, again, other)] == [vendor_day(START)] * 3

    def test_distant_slot_is_not_reserved_with_an_alternative(self, jobs):
        jobs.reserve_slot("toy", RateLimit(2, per_day=1), START)
        soon = START + timedelta(hours=1)

        assert jobs.reserve_slot("toy", RateLimit(2, per_day=1), START, latest=soon) is None
        tomorrow = jobs.reserve_slot("toy", RateLimit(2, per_day=1), START)
        assert vendor_day(tomorrow) == vendor_day(START) + timedelta(days=1)

    @pytest.mark.parametrize("per_day", [None, 9])
    @pytest.mark.parametrize("given_back", [[0], [2], [1], [0, 2], [2, 1, 0], [0, 1, 2]])
    def test_released_slots_are_reserved_again_in_order(self, jobs, per_day, given_back):
        rate = RateLimit(4, per_day=per_day)
        slots = [jobs.reserve_slot("toy", rate, START) for _ in range(3)]

        for place in given_back:
            jobs.release_slot("toy", rate, slots[place])

        again = [jobs.reserve_slot("toy", rate, START) for _ in given_back]
        assert again == sorted(slots[place] for place in given_back)
        assert jobs.reserve_slot("toy", rate, START) == slots[2] + timedelta(microseconds=rate.interval_us)

    @pytest.mark.parametrize("place", [0, 2])
    def test_repeated_release_frees_a_slot_once(self, jobs, place):
        rate = RateLimit(4)
        slots = [jobs.reserve_slot("toy", rate, START) for _ in range(3)]

        jobs.release_slot("toy", rate, slots[place])
        jobs.release_slot("toy", rate, slots[place])

        later = [jobs.reserve_slot("toy", rate, START) for _ in range(2)]
        assert later[0] == slots[place]
        assert later[1] > slots[2]

    @pytest.mark.parametrize("saves", [1, 2])
    def test_day_counts_a_submission_less_with_one_save(self, jobs, saves):
        rate, today = RateLimit(4, per_day=3), vendor_day(START)
        for _ in range(3):
            jobs.reserve_slot("toy", rate, START, group="of_07")
        jobs.create(job := new_job(SOURCE, START))

        failed = job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), START)
        for number in range(saves):
            with pytest.raises(ConflictError) if number else nullcontext():
                jobs.save(failed, released=CountedSubmission("toy", today, "of_07"))

        later = [jobs.reserve_slot("toy", rate, START, group="of_07") for _ in range(2)]
        assert [vendor_day(slot) for slot in later] == [today, today + timedelta(days=1)]

    def test_day_that_counts_no_submission_does_not_prevent_a_save(self, jobs):
        jobs.create(job := new_job(SOURCE, START))
        released = CountedSubmission("toy", vendor_day(START), "of_07")

        saved = jobs.save(job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), START), released=released)

        assert jobs.load(job.job_id) == saved
        limit = RateLimit(4, per_day=1)
        assert vendor_day(jobs.reserve_slot("toy", limit, START)) == vendor_day(START)
        assert vendor_day(jobs.reserve_slot("toy", limit, START)) > vendor_day(START)

    def test_uploader_takes_a_share_of_later_days(self, jobs):
        rate, today = RateLimit(4, per_day=10), vendor_day(START)

        junk = [vendor_day(jobs.reserve_slot("toy", rate, START, group="of_07")) for _ in range(30)]
        other = vendor_day(jobs.reserve_slot("toy", rate, START, group="of_08"))

        assert [junk.count(today + timedelta(days=number)) for number in range(4)] == [10, 8, 8, 4]
        assert other == today + timedelta(days=1)

    def test_released_slot_of_the_past_is_not_reserved(self, jobs):
        rate = RateLimit(4)
        slots = [jobs.reserve_slot("toy", rate, START) for _ in range(3)]
        jobs.release_slot("toy", rate, slots[0])
        later = START + timedelta(microseconds=1)

        found = [jobs.reserve_slot("toy", rate, later) for _ in range(2)]

        assert found[0] > slots[2]
        assert found[1] > found[0]

    def test_stalled_and_unpublished_jobs_are_found(self, jobs):
        open_job, done, untold = (
            new_job(SOURCE.model_copy(update={"version_id": version}), START) for version in ("v1", "v2", "v3")
        )
        error = AsrError(ErrorClass.CONFIG, "c", reason("m"))
        for job in (open_job, done, untold):
            jobs.create(job)
        jobs.save(done.fail(error, START).mark_event_published(1))
        jobs.save(untold.fail(error, START))

        later = START + timedelta(seconds=1)
        assert set(jobs.find_stalled(later)) == {open_job.job_id, untold.job_id}
        assert set(jobs.find_stalled(START)) == set()

    def test_ages_are_those_of_open_jobs(self, jobs):
        ages = {"v1": START, "v2": START + timedelta(microseconds=1), "v3": START + timedelta(hours=1)}
        open_jobs = [new_job(SOURCE.model_copy(update={"version_id": each}), ages[each]) for each in ages]
        done = new_job(SOURCE.model_copy(update={"version_id": "v4"}), START - timedelta(days=1))
        for job in (*open_jobs, done):
            jobs.create(job)
        jobs.reserve_slot("toy", RateLimit(1), START)
        jobs.save(done.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), START).mark_event_published(1))

        assert sorted(jobs.open_since()) == sorted(ages.values())

    def test_each_vendor_has_its_own_slots(self, jobs):
        jobs.reserve_slot("toy", RateLimit(1), START)

        assert jobs.reserve_slot("other", RateLimit(1), START) == START


class TestBudgetRows:
    def entry(self, number=1, amount=6, account=""):
        return BudgetEntry("0" * 32, number, {vendor_day(START): amount}, account, 1)

    def test_entry_counts_once_and_only_within_the_limits(self, budget):
        limits = Budget(per_day=1e-5, per_month=2e-5)

        assert [budget.count(self.entry(), limits) for _ in range(2)] == [None, None]
        assert budget.count(self.entry(2, 5), limits) is BudgetLimit.DAY
        assert budget.count(self.entry(2, 4), limits) is None
        assert budget.count(self.entry(3, 15), Budget(per_month=2e-5)) is BudgetLimit.MONTH

        found = budget.balance(vendor_day(START))
        assert (found.month, found.days) == (10, {vendor_day(START): 10})
        assert sorted(found.entries, key=lambda entry: entry.number) == [self.entry(), self.entry(2, 4)]

    def test_entry_is_given_back_or_forgotten_once(self, budget):
        for number in (1, 2):
            budget.count(self.entry(number), Budget())
        for _ in range(2):
            budget.cancel(self.entry(1))
            budget.forget(self.entry(2))
            budget.cancel(self.entry(2))

        assert budget.balance(vendor_day(START)) == Balance(6, {vendor_day(START): 6})

    def test_entry_beyond_its_uploaders_limit_counts_nowhere(self, budget):
        limits = Budget(uploader_per_day=1e-5)

        assert budget.count(self.entry(1, 6, "ann"), limits) is None
        assert budget.count(self.entry(2, 6, "ann"), limits) is BudgetLimit.UPLOADER
        assert budget.count(self.entry(3, 6, "ben"), limits) is None
        assert budget.balance(vendor_day(START)).month == 12

    def test_limits_that_were_set_win(self, budget):
        budget.save_limits({"per_day": 5})

        assert budget.load_limits(Budget(per_day=1, per_month=2)) == Budget(per_day=5, per_month=2)
        budget.save_limits({})
        assert budget.load_limits(Budget(per_day=1)) == Budget(per_day=1)


def make_thirty(jobs):
    """Create thirty jobs, some of the same moment, a third of them done, and rows that are no jobs."""
    made = []
    for number in range(30):
        moment = START + timedelta(seconds=number // 2)
        job = new_job(SOURCE.model_copy(update={"version_id": f"v{number}"}), moment)
        jobs.create(job)
        if number % 3 == 0:
            job = jobs.save(job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), moment))
        made.append(job)
    jobs.reserve_slot("toy", RateLimit(1, per_day=2), START)
    jobs.create_idempotency_record("key", IdempotencyRecord("options", SOURCE), START)
    return sorted(made, key=lambda job: job.recency, reverse=True)


def pages(jobs, wanted, limit):
    """Return the ids of every page of a list."""
    found, before = [], None
    for _ in range(100):
        page = jobs.list_recent(wanted, limit, before)
        assert len(page.job_ids) <= limit
        found += page.job_ids
        before = page.after
        if before is None:
            return found
    raise AssertionError("the pages do not end")


WANTED = {
    "all": JobFilter(),
    "of a status": JobFilter(status=Status.FAILED),
    "of a vendor": JobFilter(vendor="unknown"),
    "since": JobFilter(since=START + timedelta(seconds=5)),
    "until": JobFilter(until=START + timedelta(seconds=5)),
    "all at once": JobFilter(Status.QUEUED, None, START + timedelta(seconds=2), START + timedelta(seconds=9)),
    "of no time": JobFilter(since=START, until=START),
}
LIMITS = {"1": 1, "7": 7, "30": 30, "100": 100}


@pytest.fixture(scope="class", params=["fake", "moto"])
def listed(request, started_aws):
    """A store with thirty jobs, which its tests only read."""
    mocked_aws.forget()
    jobs = jobs_store(request.param)
    return jobs, make_thirty(jobs)


class TestTotals:
    def totals(self, jobs):
        (month,) = jobs.totals(["2026-01"])
        return {name: each for name, each in month.numbers.items() if each}

    def test_totals_follow_each_write_of_a_job(self, jobs):
        job = new_job(SOURCE, START)

        jobs.create(job)
        assert self.totals(jobs) == {"QUEUED": 1}
        assert not jobs.create(job)
        job = jobs.save(job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), START))
        assert self.totals(jobs) == {"FAILED": 1}
        job = jobs.save(job.mark_event_published(0, COST))
        assert self.totals(jobs) == {"FAILED": 1, "usd": 2_000_000_000, "cny": 14_000_000_001}
        job = jobs.save(job.redrive(reason("m"), START))
        assert self.totals(jobs) == {"QUEUED": 1, "usd": 2_000_000_000, "cny": 14_000_000_001}
        jobs.delete(job)
        assert self.totals(jobs) == {"usd": 2_000_000_000, "cny": 14_000_000_001}

    def test_refused_writes_count_nothing(self, jobs):
        job = new_job(SOURCE, START)
        jobs.create(job)
        moved = jobs.save(job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), START))

        with pytest.raises(ConflictError):
            jobs.save(job.fail(AsrError(ErrorClass.CONFIG, "c", reason("m")), START))
        with pytest.raises(ConflictError):
            jobs.delete(job)

        assert self.totals(jobs) == {"FAILED": 1}
        assert jobs.load(job.job_id) == moved

    def test_job_of_an_earlier_release_is_counted_at_its_next_write(self, jobs):
        jobs.create(new_job(SOURCE, START))
        uncounted = jobs.load(new_job(SOURCE, START).job_id).model_copy(update={"counted": None})

        jobs.delete(uncounted)

        assert self.totals(jobs) == {"QUEUED": 1}

    def test_months_are_apart_and_of_the_vendors_time_zone(self, jobs):
        last = datetime(2026, 1, 31, 15, 59, 59, tzinfo=UTC)
        for number, created_at in enumerate((last, last, last + timedelta(seconds=1))):
            jobs.create(new_job(SOURCE.model_copy(update={"version_id": f"v{number}"}), created_at))

        assert [month.count("QUEUED") for month in jobs.totals(["2026-02", "2026-01", "2025-12"])] == [1, 2, 0]

    def test_totals_are_the_sum_of_every_row(self, jobs):
        make_thirty(jobs)

        assert self.totals(jobs) == {"QUEUED": 20, "FAILED": 10}


class TestConcurrentWrites:
    @pytest.fixture
    def refusals(self):
        return []

    @pytest.fixture
    def jobs(self, refusals):
        """Jobs in a table that refuses the first writes."""
        pauses, table = [], DynamoDb()

        def refusing(write):
            def attempt(**arguments):
                if refusals:
                    raise refusals.pop()
                return write(**arguments)

            return attempt

        table.transact_write_items = refusing(table.transact_write_items)
        table.put_item = refusing(table.put_item)
        table.update_item = refusing(table.update_item)
        jobs = DynamoJobs(table, "jobs", pauses.append)
        return jobs, pauses

    @pytest.mark.parametrize("code", ["TransactionConflict", "TransactionConflictException"])
    def test_write_that_meets_another_is_repeated(self, jobs, refusals, code):
        jobs, pauses = jobs
        refusals += [conflict(code)] * (MOST_WRITES - 1)

        assert jobs.create(new_job(SOURCE, START))
        assert len(pauses) == MOST_WRITES - 1
        assert max(pauses) < 4

    def test_slot_of_a_day_in_a_transaction_is_reserved_after_it(self, jobs, refusals):
        jobs, pauses = jobs
        refusals += [conflict("TransactionConflictException")] * 2

        assert jobs.reserve_slot("toy", RateLimit(4, per_day=3), START) == START
        assert len(pauses) == 2

    def test_writes_that_meet_others_for_long_fail(self, jobs, refusals):
        jobs, _ = jobs
        refusals += [conflict("TransactionConflict")] * MOST_WRITES

        with pytest.raises(ClientError):
            jobs.create(new_job(SOURCE, START))


def conflict(code):
    """Return the error of a write while another transaction writes to the same row."""
    if code.endswith("Exception"):
        return refusal(code, "PutItem")
    error = refusal("TransactionCanceledException", "TransactWriteItems")
    error.response["CancellationReasons"] = [{"Code": "None"}, {"Code": code}]
    return error


class TestPagesOfJobs:
    @pytest.mark.parametrize(("wanted", "limit"), each_value_once(WANTED, LIMITS))
    def test_list_has_each_matching_job_once_newest_first(self, listed, wanted, limit):
        jobs, made = listed
        expected = [
            job.job_id
            for job in made
            if wanted.status in {None, job.status}
            and wanted.vendor in {None, job.vendor}
            and (wanted.since or START) <= job.created_at
            and (wanted.until is None or job.created_at < wanted.until)
        ]

        assert pages(jobs, wanted, limit) == expected

    def test_page_reads_are_bounded_and_complete(self, listed, monkeypatch):
        jobs, made = listed
        monkeypatch.setattr("asrcore.stores.jobs.EXAMINED", 1)

        assert pages(jobs, JobFilter(status=Status.FAILED), 5) == [
            job.job_id for job in made if job.status is Status.FAILED
        ]

    def test_page_before_all_jobs_is_empty(self, listed):
        jobs, made = listed
        long_past = datetime(300, 1, 1, tzinfo=UTC)

        assert len(jobs.list_recent(JobFilter(since=long_past), 100, None).job_ids) == len(made)
        assert jobs.list_recent(JobFilter(until=long_past), 100, None).job_ids == []

    def test_batch_read_keeps_the_requested_order(self, listed):
        jobs, made = listed
        ids = [made[5].job_id, "gone", made[2].job_id]

        assert jobs.load_all(ids) == [made[5], made[2]]
        assert jobs.load_all([]) == []


class TestListsOfJobs:
    @pytest.fixture
    def made(self, jobs):
        return make_thirty(jobs)

    def test_new_job_does_not_change_later_pages(self, jobs, made):
        first = jobs.list_recent(JobFilter(), 10, None)
        jobs.create(new_job(SOURCE.model_copy(update={"version_id": "late"}), START + timedelta(hours=1)))

        second = jobs.list_recent(JobFilter(), 100, first.after)

        assert first.job_ids + second.job_ids == [job.job_id for job in made]

    def test_changed_job_is_not_deleted(self, jobs, made):
        read, moved = made[1], jobs.save(made[1].model_copy(update={"run": 2}))

        with pytest.raises(ConflictError):
            jobs.delete(read)
        jobs.delete(moved)

        assert jobs.load(read.job_id) is None

    def test_idempotency_record_is_kept_for_a_day(self, jobs):
        first, second = (
            IdempotencyRecord("one", SOURCE),
            IdempotencyRecord("two", SOURCE.model_copy(update={"version_id": "v2"})),
        )

        assert jobs.create_idempotency_record("k", first, START) == first
        assert jobs.create_idempotency_record("k", second, START + timedelta(hours=23)) == first
        assert jobs.create_idempotency_record("another", second, START) == second
        assert jobs.load_idempotency_record("k", START + timedelta(hours=23)) == first
        assert jobs.load_idempotency_record("k", START + timedelta(hours=25)) is None
        assert jobs.create_idempotency_record("k", second, START + timedelta(hours=25)) == second
        assert jobs.load_idempotency_record("unknown", START) is None


@pytest.fixture(params=["fake", "moto"])
def transcripts(request, aws):
    if request.param == "fake":
        s3 = S3()
        return S3Transcripts(s3, "transcripts"), lambda key: s3.newest("transcripts", key)
    client = mocked_aws.create_bucket("transcripts", versioning=True)
    return S3Transcripts(client, "transcripts"), lambda key: client.get_object(Bucket="transcripts", Key=key)[
        "Body"
    ].read()


class TestTranscripts:
    @pytest.mark.parametrize(
        ("there", "new", "written"),
        [
            pytest.param("0A", "0B", True, id="a newer version overwrites"),
            pytest.param("0B", "0A", False, id="an older version does not"),
            pytest.param("0A", "0A", True, id="the same version may be written again"),
            pytest.param("0A", "0A1", True, id="a longer sequencer, later"),
        ],
    )
    def test_older_version_never_overwrites_a_newer_transcript(self, transcripts, there, new, written):
        store, read = transcripts
        store.put_transcript("t.json", b"there", SOURCE.model_copy(update={"sequencer": there}))

        assert store.put_transcript("t.json", b"new", SOURCE.model_copy(update={"sequencer": new})) is written
        assert read("t.json") == (b"new" if written else b"there")

    def test_transcript_of_the_current_version_is_found(self, transcripts):
        store, _ = transcripts
        store.put_transcript("t.json", b"text", SOURCE)

        assert store.read(store.find("t.json", SOURCE)) == b"text"
        assert store.find("t.json", SOURCE.model_copy(update={"version_id": "another"})) is None
        assert store.find("none.json", SOURCE) is None
        assert store.origin("t.json") == TranscriptOrigin(SOURCE.version_id, SOURCE.sequencer)

    def test_superseded_transcript_names_its_version(self, transcripts):
        store, _ = transcripts
        store.put_superseded("superseded/job.json", b"older", SOURCE)

        assert store.read(store.find("superseded/job.json", SOURCE)) == b"older"

    def test_raw_reply_is_stored_byte_for_byte(self, transcripts):
        store, read = transcripts

        store.put_raw("job", b"code=0&text=%BD%F1", {"content-type": "application/x-www-form-urlencoded"})

        assert read("raw/job.json") == b"code=0&text=%BD%F1"


class TestVersions:
    @pytest.fixture
    def client(self, aws):
        return mocked_aws.create_bucket("transcripts", versioning=True)

    def test_superseded_transcript_is_found_beside_the_newer_one(self, client):
        store, newer = S3Transcripts(client, "transcripts"), SOURCE.model_copy(update={"version_id": "v2"})
        store.put_transcript("transcripts/t.json", b"older", SOURCE)
        store.put_transcript("transcripts/t.json", b"newer", newer)

        assert store.read(store.find("transcripts/t.json", SOURCE)) == b"older"
        assert store.read(store.find("transcripts/t.json", newer)) == b"newer"

    def test_versions_are_listed_and_deleted_singly(self, client):
        store, versions = S3Transcripts(client, "transcripts"), S3Versions(client)
        for body in (b"older", b"newer"):
            store.put_transcript("transcripts/t.json", body, SOURCE)
        store.put_transcript("transcripts/t.json.txt", b"another", SOURCE)

        newest, older = versions.of("transcripts", "transcripts/t.json")
        versions.delete(newest)
        versions.delete(newest)

        assert (newest.is_current, older.is_current) == (True, False)
        assert versions.origin(newest) is None
        assert versions.origin(older) == TranscriptOrigin(SOURCE.version_id, SOURCE.sequencer)
        assert len(list(versions.under("transcripts", "transcripts/t.json"))) == 2

    def test_listing_of_a_key_excludes_longer_keys(self, client):
        for key in ("raw/a", "raw/a", "raw/a.json", "raw/ab", "raw/ac"):
            client.put_object(Bucket="transcripts", Key=key, Body=b"")
        asked: list[str] = []
        one_at_a_time = {"MaxKeys": 1}
        hooks = client.meta.events
        hooks.register("provide-client-params.s3.ListObjectVersions", lambda params, **_: params | one_at_a_time)
        hooks.register("before-call.s3.ListObjectVersions", lambda **_: asked.append("a page"))

        found = list(S3Versions(client).of("transcripts", "raw/a"))

        assert [each.key for each in found] == ["raw/a", "raw/a"]
        assert len(asked) == 3

    @pytest.mark.parametrize("prefix", ["", "inventory/", "raw", "backfill/a"])
    def test_listing_stays_within_granted_prefixes(self, client, prefix):
        client.put_object(Bucket="transcripts", Key="backfill/a", Body=b"")

        assert list(S3Versions(client).under("transcripts", prefix)) == []

    @pytest.mark.parametrize(
        ("name", "plain", "true"),
        [
            ("a.srt", "a.srt", "a.srt"),
            ("会议 一.srt", "__ _.srt", "%E4%BC%9A%E8%AE%AE%20%E4%B8%80.srt"),
            ('"; x=y\r\n.srt', "_; x=y__.srt", "%22%3B%20x%3Dy%0D%0A.srt"),
        ],
    )
    def test_download_has_the_recordings_name(self, client, name, plain, true):
        from asrcore.aws import s3_signer

        store = S3Transcripts(client, "transcripts", s3_signer())
        store.put_transcript("t.srt", b"1", SOURCE, "application/x-subrip")

        url = urlsplit(store.presign(store.find("t.srt", SOURCE), name))

        told = dict(parse_qsl(url.query))
        assert url.hostname == f"transcripts.s3.{mocked_aws.REGION}.amazonaws.com"
        assert told["response-content-disposition"] == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{true}"
        assert told["X-Amz-Expires"] == "900"
        assert "versionId" in told


def test_reply_headers_are_stored_as_metadata(aws):
    client = mocked_aws.create_bucket("transcripts")

    S3Transcripts(client, "transcripts").put_raw(
        "job", b"{}", {"content-type": "text/html", "x-api-message": "静音\r\nOK"}
    )

    held = client.head_object(Bucket="transcripts", Key="raw/job.json")
    assert held["Metadata"] == {"vendor-content-type": "text/html", "vendor-x-api-message": "OK"}
    assert held["ContentType"] == "application/octet-stream"


def test_lost_race_is_read_again(aws):
    client = mocked_aws.create_bucket("transcripts")
    store = S3Transcripts(client, "transcripts")
    store.put_transcript("t.json", b"oldest", SOURCE.model_copy(update={"sequencer": "01"}))
    head, raced = client.head_object, []

    def newer_version_is_written_after_the_head(**call):
        try:
            return head(**call)
        finally:
            if not raced:
                raced.append(True)
                store.put_transcript("t.json", b"newer", SOURCE.model_copy(update={"sequencer": "0C"}))

    client.head_object = newer_version_is_written_after_the_head

    assert not store.put_transcript("t.json", b"older", SOURCE)
    assert client.get_object(Bucket="transcripts", Key="t.json")["Body"].read() == b"newer"


class TestRecordings:
    @pytest.fixture
    def bucket(self, aws):
        return mocked_aws.create_bucket("audio", versioning=True)

    def put(self, client, body=b"0123456789", **more) -> Source:
        answer = client.put_object(Bucket="audio", Key="incoming/会议 a+b%.wav", Body=body, **more)
        return Source(
            bucket="audio",
            key="incoming/会议 a+b%.wav",
            version_id=answer["VersionId"],
            etag=answer["ETag"].strip('"'),
            size_bytes=0,
        )

    def test_object_has_its_size_and_metadata(self, bucket):
        source = self.put(bucket, Metadata={"asr-vendor": "abcpen"})

        found, metadata, _ = S3Recordings(bucket, bucket).look_up(source)

        assert found.size_bytes == 10
        assert metadata == {"asr-vendor": "abcpen"}

    @pytest.mark.parametrize(
        ("offset", "length", "body"),
        [
            pytest.param(0, 4, b"0123", id="the start"),
            pytest.param(8, 4, b"89", id="over the end"),
            pytest.param(10, 4, b"", id="behind the end"),
            pytest.param(0, 0, b"", id="nothing"),
        ],
    )
    def test_ranged_reads_return_the_requested_bytes(self, bucket, offset, length, body):
        store = S3Recordings(bucket, bucket)
        source, *_ = store.look_up(self.put(bucket))

        assert store.read(source, offset, length) == body

    def test_older_version_is_read_unchanged(self, bucket):
        older = self.put(bucket, b"older")
        self.put(bucket, b"newer one")
        store = S3Recordings(bucket, bucket)

        found, *_ = store.look_up(older)

        assert store.read(found, 0, 99) == b"older"

    def test_latest_version_is_found_by_key(self, bucket):
        self.put(bucket, b"older")
        newest = self.put(bucket, b"newer one")

        found, *_ = S3Recordings(bucket, bucket).look_up(newest.model_copy(update={"version_id": None, "etag": ""}))

        assert (found.version_id, found.etag) == (newest.version_id, newest.etag)

    def test_empty_version_is_no_recording_once_it_is_replaced(self, bucket):
        empty = self.put(bucket, b"")
        store = S3Recordings(bucket, bucket)

        found, *_ = store.look_up(empty)
        self.put(bucket, b"content")

        assert found.size_bytes == 0
        with pytest.raises(AsrError, match="ObjectReplaced"):
            store.look_up(empty)

    @pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
    @pytest.mark.parametrize("call", ["read", "stream", "sidecar"])
    def test_archived_object_is_named_until_it_is_restored(self, aws, storage_class, call):
        client = mocked_aws.create_bucket("audio")
        store, plain = S3Recordings(client, client), "incoming/a.wav"
        key = f"{plain}.asr.json" if call == "sidecar" else plain
        client.put_object(Bucket="audio", Key=key, Body=b"0123456789", StorageClass=storage_class)
        head = client.head_object(Bucket="audio", Key=key)
        source = Source(bucket="audio", key=plain, version_id=None, etag=head["ETag"].strip('"'), size_bytes=10)

        def use():
            return {
                "read": lambda: store.read(source, 0, 4),
                "stream": lambda: list(store.stream(source, 10)),
                "sidecar": lambda: store.sidecar(source),
            }[call]()

        with pytest.raises(AsrError) as raised:
            use()
        assert (raised.value.error_class, raised.value.code) == (ErrorClass.CONFIG, "ObjectArchived")
        assert key in raised.value.message
        client.restore_object(Bucket="audio", Key=key, RestoreRequest={"Days": 1})
        # moto restores at the second request.
        client.head_object(Bucket="audio", Key=key)
        assert use()

    def test_invalid_version_id_is_not_found(self, bucket):
        source = self.put(bucket).model_copy(update={"version_id": "not one", "etag": ""})
        there = bucket.head_object(Bucket=source.bucket, Key=source.key)
        with Stubber(bucket) as s3:  # as S3 has it, whose HEAD tells no reason
            s3.add_response("head_object", there)
            s3.add_client_error("head_object", "400", "Bad Request", 400)
            s3.add_client_error("get_object", "InvalidArgument", "Invalid version id specified", 400)

            with pytest.raises(AsrError) as raised:
                S3Recordings(bucket, bucket).look_up(source)

        assert raised.value.code == "ObjectNotFound"

    @pytest.mark.parametrize(
        ("body", "read"),
        [
            pytest.param(b'{"speakers": 2}', b'{"speakers": 2}', id="options"),
            pytest.param(
                b"x" * (LARGEST_SIDECAR_BYTES + 9), b"x" * (LARGEST_SIDECAR_BYTES + 1), id="too many, cut off"
            ),
            pytest.param(None, None, id="none"),
        ],
    )
    def test_sidecar_is_read_beside_its_recording(self, bucket, body, read):
        source = self.put(bucket)
        if body is not None:
            bucket.put_object(Bucket="audio", Key=f"{source.key}.asr.json", Body=body)

        assert S3Recordings(bucket, bucket).sidecar(source) == read

    def test_deleted_recording_is_not_read_by_version(self, bucket):
        source = self.put(bucket)
        bucket.delete_object(Bucket="audio", Key=source.key)

        with pytest.raises(AsrError, match="ObjectNotFound"):
            S3Recordings(bucket, bucket).look_up(source)

    def test_whole_recording_is_read(self, bucket):
        store = S3Recordings(bucket, bucket)
        source, *_ = store.look_up(self.put(bucket))

        assert store.read_all(source, 10) == b"0123456789"

    def test_remote_address_is_stored_once_and_unchanged(self, bucket):
        store = S3Recordings(bucket, bucket, Uploads("audio", 1000))

        first = store.put_remote_url("audio", "linked/1/a.wav", "https://a.example.com/a.wav")
        again = store.put_remote_url("audio", "linked/1/a.wav", "https://b.example.com/b.wav")

        assert first == again
        assert first.version_id
        assert store.presign(first) == "https://a.example.com/a.wav"

    def test_remote_recording_is_downloaded_when_read(self, bucket):
        with Web() as web:
            store = S3Recordings(bucket, bucket, Uploads("audio", 1000, is_local=True))
            source = store.put_remote_url("audio", "linked/1/a.wav", web.serve("/a.wav", b"the recording"))

            assert store.read_all(source, 100) == b"the recording"

    def test_remote_recording_at_a_private_address_is_rejected(self, bucket):
        with Web() as web:
            store = S3Recordings(bucket, bucket, Uploads("audio", 1000))
            source = store.put_remote_url("audio", "linked/1/a.wav", web.serve("/a.wav", b"a secret"))

            with pytest.raises(AsrError, match="BadUrl"):
                store.read_all(source, 100)

    def test_stream_can_be_read_repeatedly(self, bucket, monkeypatch):
        monkeypatch.setattr("asrcore.stores.objects.CHUNK_BYTES", 4)
        store = S3Recordings(bucket, bucket)
        source, *_ = store.look_up(self.put(bucket))
        bucket.put_object(Bucket="audio", Key=source.key, Body=b"another version")

        stream = store.stream(source, 100)

        assert len(stream) == 10
        assert list(stream) == list(stream) == [b"0123", b"4567", b"89"]

    def test_stream_of_a_deleted_version_fails_on_reading(self, bucket):
        store = S3Recordings(bucket, bucket)
        source, *_ = store.look_up(self.put(bucket))
        bucket.delete_object(Bucket="audio", Key=source.key, VersionId=source.version_id)

        stream = store.stream(source, 100)

        with pytest.raises(AsrError, match="ObjectNotFound"):
            list(stream)

    def test_stream_of_another_length_is_unreadable(self, bucket):
        store = S3Recordings(bucket, bucket)
        source, *_ = store.look_up(self.put(bucket))

        with pytest.raises(AsrError, match="RecordingUnreadable") as failure:
            list(store.stream(source.model_copy(update={"size_bytes": 11}), 100))

        assert failure.value.error_class is ErrorClass.RETRY

    def test_interrupted_stream_is_unreadable(self, bucket, monkeypatch):
        store = S3Recordings(bucket, bucket)
        source, *_ = store.look_up(self.put(bucket))

        def throttled(**_arguments):
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "slow down"}}, "GetObject")

        def cut_off(**_arguments):
            raise ReadTimeoutError(endpoint_url="https://s3.example.com")

        for fault in (throttled, cut_off):
            monkeypatch.setattr(bucket, "get_object", fault)
            with pytest.raises(AsrError, match="RecordingUnreadable"):
                list(store.stream(source, 100))

    def test_stream_of_a_remote_recording_has_its_bytes(self, bucket, web):
        store = S3Recordings(bucket, bucket, Uploads("audio", 1000, is_local=True))
        source = store.put_remote_url("audio", "linked/1/a.wav", web.serve("/a.wav", b"linked bytes"))

        stream = store.stream(source, 100)

        assert (len(stream), b"".join(stream)) == (12, b"linked bytes")

    def test_upload_other_than_signed_is_rejected(self, bucket):
        from asrcore.aws import s3_signer

        store = S3Recordings(bucket, s3_signer(), Uploads("audio", 1000))

        ticket = store.presign_upload("incoming/auto/会.wav", "audio/wav", {"asr-speakers": "2"}, 60)

        policy = json.loads(base64.b64decode(ticket.fields["policy"]))
        assert ticket.url == f"https://audio.s3.{mocked_aws.REGION}.amazonaws.com/"
        assert ticket.fields["x-amz-meta-asr-speakers"] == "2"
        assert "signature" not in repr(ticket)
        for condition in (
            ["content-length-range", 1, 1000],
            ["starts-with", "$Content-Type", "audio/"],
            {"success_action_status": "201"},
            {"x-amz-meta-asr-speakers": "2"},
            {"bucket": "audio"},
            {"key": "incoming/auto/会.wav"},
        ):
            assert condition in policy["conditions"]

    def test_replaced_recording_is_left_to_its_own_job(self, bucket):
        source = self.put(bucket).model_copy(update={"version_id": None, "etag": "of-another-upload"})

        with pytest.raises(AsrError, match="ObjectReplaced"):
            S3Recordings(bucket, bucket).look_up(source)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        pytest.param("us-east-1", "audio.s3.us-east-1.amazonaws.com", id="global, the region that likes to be special"),
        pytest.param("ap-southeast-1", "audio.s3.ap-southeast-1.amazonaws.com", id="global"),
        pytest.param("cn-north-1", "audio.s3.cn-north-1.amazonaws.com.cn", id="China"),
    ],
)
def test_presigned_url_is_regional_and_pins_the_version(aws, monkeypatch, region, host):
    from asrcore.aws import s3_signer

    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    source = Source(bucket="audio", key="incoming/a.wav", version_id="v1", etag="e", size_bytes=1)

    url = S3Recordings(None, s3_signer()).presign(source)

    assert url.startswith(f"https://{host}/incoming/a.wav?")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert "versionId=v1" in url


class TestWorkflow:
    def test_second_start_of_an_execution_is_ignored(self, aws):
        client = mocked_aws.client("stepfunctions")
        definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
        role = "arn:aws:iam::123456789012:role/r"
        arn = client.create_state_machine(name="poller", definition=definition, roleArn=role)["stateMachineArn"]
        workflow = StepFunctionsWorkflow(client, arn)

        workflow.start("job-1", Step(job_id="job", next=Next.QUERY, wait_s=3))
        workflow.start("job-1", Step(job_id="job", next=Next.SUBMIT, wait_s=9))

        (execution,) = client.list_executions(stateMachineArn=arn)["executions"]
        held = client.describe_execution(executionArn=execution["executionArn"])["input"]
        assert held == '{"job_id": "job", "next": "query", "wait_s": 3}'

    def test_execution_is_found_and_stopped_by_name(self, aws):
        client = mocked_aws.client("stepfunctions")
        definition = '{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": true}}}'
        role = "arn:aws:iam::123456789012:role/r"
        arn = client.create_state_machine(name="poller", definition=definition, roleArn=role)["stateMachineArn"]
        workflow = StepFunctionsWorkflow(client, arn)
        workflow.start("job-1", Step(job_id="job", next=Next.QUERY))

        assert workflow.status("job-1") == "RUNNING"
        assert workflow.status("job-2") is None

        # moto may run it in a thread, which sets it to RUNNING again after a stop that comes first.
        eventually(lambda: workflow.stop("job-1") or workflow.status("job-1") == "ABORTED")
        workflow.stop("job-1")
        workflow.stop("job-2")

        assert workflow.status("job-1") == "ABORTED"

    def test_unknown_task_token_is_ignored(self):
        class Closed:
            def send_task_success(self, **_):
                from botocore.exceptions import ClientError

                raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": ""}}, "SendTaskSuccess")

        StepFunctionsWorkflow(Closed(), "arn").complete_task("token", Step(job_id="job", next=Next.COMPLETED))

    def test_event_rejected_by_the_bus_is_an_error(self):
        class Full:
            def put_events(self, **_):
                return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

        with pytest.raises(RuntimeError, match="ThrottlingException"):
            EventBridge(Full()).publish("Transcript Completed", {})
