"""A recording's way to its vendor."""

from dataclasses import replace
from datetime import timedelta

import pytest

from asrcore.cancellation import withdraw_removed
from asrcore.core.errors import AsrError, ErrorClass, NoAnswerError
from asrcore.core.job import Status, claim_s, new_job
from asrcore.core.rate_limit import STARTUP_S, vendor_day
from asrcore.core.step import Next
from asrcore.core.vendor import SHORT_CALL_S, Completion
from asrcore.events import RemovedObject
from asrcore.failures import SomeFailedError
from asrcore.job_creation import handle_new_objects
from asrcore.submit import submit
from tests.support.api_client import Caller
from tests.support.fake_services import START
from tests.support.pipeline import BOTH, CALLBACK, KEY, QUERY, SOURCE, SYNC, drop, requests, wav, world
from tests.support.reasons import reason, texts
from tests.support.toy import TEXT, Toy

CLAIM_S = claim_s(SHORT_CALL_S)


def test_sync_vendor_completes_the_job_without_an_execution():
    made = world("done", vendors=(SYNC,))

    job = drop(made)

    assert job.status is Status.COMPLETED
    assert job.transcript_key == f"transcripts/{KEY}.json"
    assert TEXT in made.results[job.transcript_key].decode()
    assert made.executions.started == {}
    assert [detail_type for detail_type, _ in made.bus.published] == ["Transcript Completed"]


@pytest.mark.parametrize(
    ("vendor", "following"),
    [
        pytest.param(QUERY, Next.QUERY, id="a vendor that is asked"),
        pytest.param(CALLBACK, Next.CALLBACK, id="a vendor that calls back"),
        pytest.param(BOTH, Next.CALLBACK, id="a vendor that does both: the callback first"),
    ],
)
def test_accepted_recording_starts_an_execution_of_its_name(vendor, following):
    made = world("accepted", vendors=(vendor,))

    job = drop(made)

    assert job.status is Status.IN_PROGRESS
    assert job.attempt.vendor_task_id == "task-1"
    assert made.executions.started[f"{job.job_id}-1"].next is following


UPLOAD = f"incoming/auto/uploads/{'0' * 32}/meeting.wav"


def sent_twice(made):
    """Use an upload's form twice; return the versions."""
    made.audio[UPLOAD] = (wav(), {})
    sources = [SOURCE.model_copy(update={"key": UPLOAD, "version_id": each}) for each in ("v1", "v2")]
    for source in sources:
        made.upload_version(source)
        handle_new_objects([source], made.services)
    return sources


def test_upload_form_used_twice_makes_one_job(caplog):
    made = world("accepted", "accepted")

    sent_twice(made)

    assert requests(made) == ["POST submit/toy-query"]
    assert made.job().source.version_id == "v1"
    (line,) = [record for record in caplog.records if record.message == "another version of an upload gets no job"]
    assert (line.key, line.version_id) == (UPLOAD, "v2")


def test_job_of_an_upload_outlives_its_other_versions():
    made = world("accepted", "accepted")
    _, other = sent_twice(made)

    withdraw_removed([RemovedObject(other.bucket, UPLOAD, "v2", "FF", is_marker=False)], made.services)

    assert made.job().status is Status.IN_PROGRESS


def test_job_of_an_upload_is_listed_once():
    made = world("accepted", "accepted")
    sent_twice(made)

    assert len(Caller(made).get(f"/jobs?key={UPLOAD}").json["jobs"]) == 1


def test_redelivered_event_submits_nothing_again():
    made = world("accepted")

    drop(made)
    drop(made)

    assert requests(made) == ["POST submit/toy-query"]
    assert len(made.rows) == len(made.executions.started) == 1


def test_changed_object_gets_a_new_job():
    made = world("accepted", "accepted")

    first = drop(made)
    second = drop(made, SOURCE.model_copy(update={"version_id": "v2", "sequencer": "0B"}))

    assert first.job_id != second.job_id


def test_unversioned_objects_differ_by_etag_and_sequencer():
    unversioned = SOURCE.model_copy(update={"version_id": None})

    ids = {
        new_job(source, START).job_id
        for source in (
            unversioned,
            unversioned.model_copy(update={"etag": "e2"}),
            unversioned.model_copy(update={"sequencer": "0B"}),
        )
    }

    assert len(ids) == 3


def test_redelivered_event_starts_a_missing_execution():
    made = world("accepted")
    drop(made)
    made.executions.started.clear()

    drop(made)

    assert len(made.executions.started) == 1
    assert requests(made) == ["POST submit/toy-query"]


def test_standing_claim_keeps_other_invocations_from_submitting():
    made = world(RuntimeError("the process crashes at the call to the vendor"), "accepted")
    with pytest.raises(SomeFailedError):
        handle_new_objects([SOURCE], made.services)

    handle_new_objects([SOURCE], made.services)
    step = made.executions.started[made.job().execution_name]
    made.pass_time(step.wait_s)
    submit(made.job().job_id, made.services)

    assert (step.next, step.wait_s) == (Next.SUBMIT, CLAIM_S)
    assert made.job().attempt.submitted_at is not None
    assert len(requests(made)) == 2


def test_submit_step_waits_until_a_claim_ends():
    made = world(RuntimeError("dies"))
    with pytest.raises(SomeFailedError):
        handle_new_objects([SOURCE], made.services)

    step = submit(made.job().job_id, made.services)

    assert (step.next, step.wait_s) == (Next.SUBMIT, CLAIM_S)


def test_failed_recording_does_not_stop_the_others():
    made = world("accepted", RuntimeError("dies"), "accepted")
    sources = [SOURCE.model_copy(update={"version_id": version}) for version in ("v1", "v2", "v3")]
    for source in sources:
        made.upload_version(source)

    with pytest.raises(SomeFailedError, match="RuntimeError: dies"):
        handle_new_objects(sources, made.services)

    assert len(made.executions.started) == 2


def test_cut_upload_completes_with_a_warning():
    made = world("done", vendors=(SYNC,))
    made.audio[KEY] = (wav(4)[:-48000], {})

    job = drop(made)

    assert job.status is Status.COMPLETED
    assert job.audio.duration_ms == 2500
    assert [each.text for each in job.warnings] == ["the file ends early: 2.5 of 4 seconds"]


def test_folder_marker_gets_no_job():
    made = world()

    handle_new_objects([SOURCE.model_copy(update={"key": "incoming/auto/", "size_bytes": 0})], made.services)

    assert made.rows == {}


@pytest.mark.parametrize(
    ("key", "body", "metadata", "error_class", "code", "said"),
    [
        pytest.param(KEY, b"%PDF-1.7 not a sound", {}, "bad_audio", "NotAudio", "", id="not audio"),
        pytest.param(KEY, wav()[:30], {}, "bad_audio", "TruncatedAudio", "", id="a truncated header"),
        pytest.param(KEY, wav(61), {}, "bad_audio", "NoVendorFits", "length 61 s (accepts up to 60 s)", id="too long"),
        pytest.param(KEY, wav(channels=2), {}, "bad_audio", "NoVendorFits", "stereo; this", id="too many channels"),
        pytest.param(
            KEY,
            wav(),
            {"asr-language": "fr-FR"},
            "bad_audio",
            "NoVendorFits",
            "fr-FR",
            id="unsupported language",
        ),
        pytest.param(
            "incoming/unknown/a.wav", wav(), {}, "config", "UnknownVendor", "toy-query", id="unknown vendor in the key"
        ),
        pytest.param(
            KEY, wav(), {"asr-vendor": "x"}, "config", "UnknownVendor", "asr-vendor", id="unknown vendor in metadata"
        ),
        pytest.param(
            KEY, wav(), {"asr-speakers": "many"}, "config", "BadOption", "asr-speakers", id="an option out of range"
        ),
        pytest.param(KEY, wav(), {"asr-speed": "9"}, "config", "BadOption", "asr-hotwords", id="an unknown option"),
        pytest.param(KEY, None, {}, "bad_audio", "ObjectNotFound", "deleted", id="deleted before it is read"),
    ],
)
def test_unusable_recording_fails_with_a_reason_unsubmitted(key, body, metadata, error_class, code, said):
    made = world()
    made.audio.clear()
    if body is not None:
        made.audio[key] = (body, metadata)

    job = drop(made, SOURCE.model_copy(update={"key": key}))

    assert job.status is Status.FAILED
    assert (job.error.class_, job.error.code) == (error_class, code)
    assert said in job.error.message
    assert [detail_type for detail_type, _ in made.bus.published] == ["Transcript Failed"]
    assert made.executions.started == {}


def test_no_vendor_fits_has_a_line_per_vendor():
    made = world(vendors=(SYNC, QUERY))
    made.audio[KEY] = (wav(61), {})

    job = drop(made)

    assert job.error.message.splitlines()[1:] == [
        "toy-sync: length 61 s (accepts up to 60 s)",
        "toy-query: length 61 s (accepts up to 60 s)",
    ]


def test_missing_credentials_are_a_config_error():
    made = world(toy={"key": ""})

    job = drop(made)

    assert (job.error.class_, job.error.code) == ("config", "CredentialsMissing")
    assert "'toy' lacks key" in job.error.message


@pytest.mark.parametrize(
    ("key", "metadata", "vendor"),
    [
        pytest.param(KEY, {}, "toy-sync", id="automatic: first of the chain"),
        pytest.param("incoming/toy-query/a.wav", {}, "toy-query", id="pinned by the key"),
        pytest.param("incoming/a.wav", {}, "toy-sync", id="no folder is automatic"),
        pytest.param(KEY, {"asr-vendor": "toy-query"}, "toy-query", id="pinned by metadata"),
        pytest.param("incoming/toy-sync/a.wav", {"asr-vendor": "toy-query"}, "toy-query", id="metadata wins"),
        pytest.param("incoming/toy-query/a.wav", {"asr-vendor": "auto"}, "toy-sync", id="metadata may unpin"),
    ],
)
def test_vendor_is_chosen_by_key_and_limits(key, metadata, vendor):
    made = world("accepted", vendors=(SYNC, QUERY))
    made.audio[key] = (wav(), metadata)

    job = drop(made, SOURCE.model_copy(update={"key": key}))

    assert job.vendor == vendor


class Mute(Toy):
    """Does not distinguish speakers."""

    supported_options = frozenset()


MUTE = Mute("toy-mute", Completion.SYNC)


@pytest.mark.parametrize(
    ("metadata", "vendor", "chain", "reason", "warnings"),
    [
        pytest.param({}, "toy-mute", ["toy-query"], "first_in_chain", 0, id="nothing asked"),
        pytest.param({"asr-speakers": "2"}, "toy-query", ["toy-mute"], "supports_options", 0, id="speakers"),
        pytest.param({"asr-domain": "medical"}, "toy-mute", ["toy-query"], "none_supports_all", 1, id="none can"),
        pytest.param({"asr-speakers": "2", "asr-vendor": "toy-mute"}, "toy-mute", [], "named", 1, id="named"),
    ],
)
def test_vendor_that_supports_the_asked_options_is_chosen(metadata, vendor, chain, reason, warnings):
    made = world("working", vendors=(MUTE, QUERY))
    made.audio[KEY] = (wav(), metadata)

    job = drop(made)

    assert (job.vendor, job.chain, job.choice.code, len(job.warnings)) == (vendor, chain, reason, warnings)


@pytest.mark.parametrize(("vendor", "submitted"), [("toy-query", True), ("auto", False)])
def test_unlisted_format_is_submitted_to_a_named_vendor_only(monkeypatch, vendor, submitted):
    monkeypatch.setattr(QUERY, "limits", replace(QUERY.limits, formats=frozenset({"mp3"})), raising=False)
    made = world("accepted")
    made.audio[KEY] = (wav(), {"asr-vendor": vendor})

    job = drop(made)

    assert (job.attempts != []) is submitted
    if submitted:
        assert texts(job.warnings) == [
            "toy-query does not list format wav (accepts mp3); it was submitted because the vendor was named"
        ]


def test_failover_names_the_vendor_that_failed():
    made = world("config", "working", vendors=(MUTE, QUERY))
    made.audio[KEY] = (wav(), {"asr-speakers": "2"})

    job = drop(made)
    submit(job.job_id, made.services)

    job = made.job()
    assert job.vendor == "toy-mute"
    assert job.choice.text == "chosen because toy-query failed with CONFIG"
    assert [each.text for each in job.warnings] == ["toy-mute does not support the option 'speakers'; it was left out"]


def test_unsupported_option_and_wrong_extension_are_warnings():
    made = world("accepted")
    made.audio["incoming/auto/a.mp3"] = (wav(), {"asr-punctuation": "false", "asr-speakers": "2"})

    job = drop(made, SOURCE.model_copy(update={"key": "incoming/auto/a.mp3"}))

    assert texts(job.warnings) == [
        "the name says .mp3, the content is wav; the content counts",
        "toy-query does not support the option 'punctuation'; it was left out",
    ]


@pytest.mark.parametrize(
    ("word", "pinned", "vendor", "status"),
    [
        pytest.param("config", False, "toy-query", Status.IN_PROGRESS, id="config: the next vendor may serve"),
        pytest.param("bad_audio", False, "toy-sync", Status.FAILED, id="bad audio: no other vendor accepts it"),
        pytest.param("retry", False, "toy-sync", Status.IN_PROGRESS, id="retry: the same vendor, later"),
        pytest.param("config", True, "toy-sync", Status.FAILED, id="config, pinned: the end"),
        pytest.param("bad_audio", True, "toy-sync", Status.FAILED, id="bad audio, pinned: the end"),
        pytest.param("retry", True, "toy-sync", Status.IN_PROGRESS, id="retry, pinned: the same vendor, later"),
    ],
)
def test_refused_submission_is_retried_or_fails_over(word, pinned, vendor, status):
    made = world(word, vendors=(SYNC, QUERY))
    key = "incoming/toy-sync/a.wav" if pinned else KEY
    made.audio[key] = (wav(), {})

    job = drop(made, SOURCE.model_copy(update={"key": key}))

    assert (job.vendor, job.status) == (vendor, status)
    assert (job.attempts[0].outcome, job.attempts[0].code) == (word, word.upper())


def test_retries_are_bounded_and_wait_longer_each_time():
    made = world(*["retry"] * 4, vendors=(SYNC,))
    job = drop(made)
    waits = []

    while not job.finished:
        step = submit(job.job_id, made.services)
        waits.append(step.wait_s)
        made.pass_time(step.wait_s)
        job = made.job()

    assert job.error.code == "RETRY"
    assert len(job.attempts) == 4
    pauses = [wait_s for wait_s in waits if wait_s]
    assert pauses == sorted(pauses)
    assert len(pauses) == 3


def test_failure_before_the_vendor_is_reached_names_it():
    made = world(*[AsrError(ErrorClass.CONFIG, "BadRequest", reason("check the base URL"))], vendors=(SYNC,))

    job = drop(made)

    assert (job.error.vendor, job.error.code) == ("toy-sync", "BadRequest")


class TestTaskIdsOfOurs:
    """Where we choose the vendor's task id, an unanswered submission is repeated under the same id."""

    NO_ANSWER = NoAnswerError(ErrorClass.RETRY, "Timeout", reason("the vendor did not answer"))

    @pytest.fixture(autouse=True)
    def ids_of_ours(self, monkeypatch):
        monkeypatch.setattr(QUERY, "chosen_task_id", lambda request: f"ours-{request.attempt}", raising=False)

    def test_chosen_task_id_is_saved_before_the_call(self):
        made = world(RuntimeError("the process crashes at the call to the vendor"))
        with pytest.raises(SomeFailedError):
            handle_new_objects([SOURCE], made.services)

        assert made.job().attempt.vendor_task_id == "ours-1"

    def test_unanswered_submission_is_repeated_with_its_id(self):
        made = world(self.NO_ANSWER, "accepted")

        job = drop(made)
        made.pass_time(submit(job.job_id, made.services).wait_s)
        step = submit(job.job_id, made.services)

        assert step.next is Next.QUERY
        assert [(attempt.number, attempt.claims) for attempt in made.job().attempts] == [(1, 2)]

    def test_submission_resumes_at_once_after_a_crash(self):
        made = world(RuntimeError("the process crashes at the call to the vendor"), "accepted")
        with pytest.raises(SomeFailedError):
            handle_new_objects([SOURCE], made.services)

        handle_new_objects([SOURCE], made.services)

        assert made.job().attempt.submitted_at is not None
        assert [attempt.claims for attempt in made.job().attempts] == [2]

    def test_unanswered_submissions_end_the_attempt(self):
        made = world(*[self.NO_ANSWER] * 4, "accepted")

        job = drop(made)
        while len(made.job().attempts) == 1:
            made.pass_time(submit(job.job_id, made.services).wait_s)

        assert (made.job().attempts[0].claims, made.job().attempts[0].code) == (4, "Timeout")


def test_unanswered_submission_without_an_id_fails_the_attempt():
    made = world(NoAnswerError(ErrorClass.RETRY, "Timeout", reason("the vendor did not answer")))

    job = drop(made)

    assert [(attempt.code, attempt.claims) for attempt in job.attempts] == [("Timeout", 1), (None, 0)]


def test_far_slot_is_awaited_by_the_state_machine():
    made = world("accepted")
    made.occupy("toy-query", made.clock + timedelta(seconds=30))

    job = drop(made)

    assert requests(made) == []
    assert made.executions.started[job.execution_name].wait_s == 30 - STARTUP_S
    made.pass_time(30)
    assert submit(job.job_id, made.services).next is Next.QUERY


class TestVendorThatCountsDays:
    def test_daily_limit_fails_over_to_the_next_vendor(self):
        made = world("accepted", "accepted", vendors=(QUERY, SYNC))
        made.per_day = {"toy-query": 1}
        drop(made)

        job = drop(made, SOURCE.model_copy(update={"version_id": "v2"}))

        assert (job.attempts[0].vendor, job.attempts[0].code) == ("toy-query", "DailyLimitReached")
        assert job.vendor == "toy-sync"

    def test_daily_limit_of_the_last_vendor_waits_for_its_day(self):
        made = world("accepted")
        made.per_day = {"toy-query": 1}
        drop(made)

        job = drop(made, SOURCE.model_copy(update={"version_id": "v2"}))

        assert vendor_day(job.attempt.due_at) == vendor_day(made.clock) + timedelta(days=1)
        assert job.deadline_at > job.attempt.due_at


def test_near_slot_is_awaited_in_the_invocation():
    made = world("accepted")
    made.occupy("toy-query", made.clock + timedelta(seconds=1))

    drop(made)

    assert requests(made) == ["POST submit/toy-query"]
    assert made.clock == START + timedelta(seconds=1)


def test_submissions_keep_the_vendors_rate_limit():
    made = world(*["accepted"] * 3)
    sources = [SOURCE.model_copy(update={"version_id": version}) for version in ("v1", "v2", "v3")]
    for source in sources:
        made.upload_version(source)

    handle_new_objects(sources, made.services)

    jobs = [made.jobs.load(new_job(source, START).job_id) for source in sources]
    first, second, third = (job.attempt.claimed_at for job in jobs)
    assert min(second - first, third - second) >= timedelta(seconds=1 / 10)


def test_missed_slot_is_replaced_by_a_new_one():
    made = world("accepted")
    made.occupy("toy-query", made.clock + timedelta(seconds=30))
    job = drop(made)
    made.occupy("toy-query", made.clock + timedelta(seconds=90))

    made.pass_time(31)
    step = submit(job.job_id, made.services)

    assert requests(made) == []
    assert (step.next, step.wait_s) == (Next.SUBMIT, 90 - 31 - STARTUP_S)


def test_too_long_url_is_replaced_by_the_bytes(monkeypatch):
    made = world("accepted")
    monkeypatch.setattr(
        QUERY, "limits", QUERY.limits.__class__(**{**vars(QUERY.limits), "max_url_length": 20}), raising=False
    )

    drop(made)

    assert made.send.requests[0].body == wav()


def test_too_long_url_and_too_large_file_say_what_to_do(monkeypatch):
    made = world()
    limits = QUERY.limits.__class__(**{**vars(QUERY.limits), "max_url_length": 20, "max_data_bytes": 10})
    monkeypatch.setattr(QUERY, "limits", limits, raising=False)

    job = drop(made)

    assert job.error.code == "UrlTooLong"
    assert "shorter name" in job.error.message


def test_callback_before_the_recorded_reply_is_not_undone():
    made = world("accepted", vendors=(CALLBACK,))
    send = made.send

    def call_back_first(request):
        job = made.job()
        made.services.update_job(job.job_id, lambda job: job.complete("task-1", "transcripts/x.json", [], made.clock))
        return send(request)

    made.send = call_back_first
    job = drop(made)

    assert job.status is Status.COMPLETED
    assert made.executions.started == {}


def test_redelivered_event_publishes_a_missing_end():
    made = world("done", vendors=(SYNC,))
    publish = made.events.publish
    made.events.publish = lambda *_: (_ for _ in ()).throw(RuntimeError("the bus is down"))
    with pytest.raises(SomeFailedError):
        handle_new_objects([SOURCE], made.services)

    made.events.publish = publish
    drop(made)
    drop(made)

    assert [detail_type for detail_type, _ in made.bus.published] == ["Transcript Completed"]


def test_lost_claim_submits_nothing():
    made = world("accepted")
    job = new_job(SOURCE, made.clock)

    put_item = made.table.put_item

    def put_after_another_claim(**arguments):
        attempts = arguments["Item"]["attempts"]["L"]
        if attempts and "S" in attempts[-1]["M"]["claimed_at"]:
            made.table.put_item = put_item
            held = made.jobs.load(job.job_id)
            made.jobs.save(held.claim(None, [], made.clock))
        put_item(**arguments)

    made.table.put_item = put_after_another_claim
    handle_new_objects([SOURCE], made.services)

    assert requests(made) == []
    assert made.executions.started[made.job().execution_name].wait_s == CLAIM_S


def test_error_has_vendor_code_and_advice():
    error = AsrError(ErrorClass.RETRY, "10800", reason("over the licence"), "abcpen")

    assert str(error) == "abcpen 10800 (retry): over the licence"
