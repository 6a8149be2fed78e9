"""The inner part: steps, waits, options, text, events and settings, as tables."""

import dataclasses
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from asrcore import submit
from asrcore.core.audio import Audio
from asrcore.core.backoff import MAX_ATTEMPTS, MAX_RESTARTS, attempt_wait_s
from asrcore.core.errors import AsrError, AudioConstraint, ErrorClass
from asrcore.core.job import DEADLINE_S, LIFE_CYCLE, Job, Status, new_job
from asrcore.core.options import Options
from asrcore.core.polling import RESULT_DEADLINE_S, next_delay
from asrcore.core.rate_limit import RateLimit
from asrcore.core.routing import followers
from asrcore.core.step import Next, next_step
from asrcore.core.transcript import Utterance, Word, join_text, recognition
from asrcore.core.vendor import Completion
from asrcore.settings import Settings
from tests.support.fake_services import START
from tests.support.pipeline import SOURCE, SYNC
from tests.support.reasons import reason
from tests.support.toy import Toy

AUDIO = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1, duration_ms=60_000)
ERROR = AsrError(ErrorClass.RETRY, "1005", reason("busy"), "toy")


def planned() -> Job:
    return new_job(SOURCE, START).plan(SOURCE, AUDIO, Options(), vendors=["a", "b"], warnings=[], now=START)


def submitted() -> Job:
    return planned().claim(None, [], START).submitted(1, "t", START)


class TestJob:
    @pytest.mark.parametrize(
        "move",
        [
            pytest.param(lambda job: job.fail(ERROR, START), id="fail"),
            pytest.param(lambda job: job.complete("t", "k", [], START), id="complete"),
            pytest.param(lambda job: job.attempt_failed(1, ERROR, [], START), id="attempt_failed"),
            pytest.param(lambda job: job.submitted(1, "t", START), id="submitted"),
            pytest.param(lambda job: job.claim(None, [], START), id="claim"),
            pytest.param(lambda job: job.assign_slot(START, START), id="assign_slot"),
            pytest.param(lambda job: job.count_query(1, START), id="count_query"),
            pytest.param(lambda job: job.store_task_token("t", START), id="store_task_token"),
            pytest.param(lambda job: job.called_back(1, START), id="called_back"),
            pytest.param(lambda job: job.retry_submission(1, START), id="retry_submission"),
            pytest.param(lambda job: job.change_edition(1, "e", "e/t", [], START), id="change_edition"),
            pytest.param(
                lambda job: job.plan(SOURCE, AUDIO, Options(), vendors=["x"], warnings=[], now=START), id="plan"
            ),
            pytest.param(lambda job: job.restart(reason("lost"), START), id="restart"),
        ],
    )
    @pytest.mark.parametrize("end", [Status.COMPLETED, Status.FAILED])
    def test_finished_job_ignores_every_move(self, move, end):
        job = submitted()
        job = job.complete("t", "k", [], START) if end is Status.COMPLETED else job.fail(ERROR, START)

        assert move(job) is job

    @pytest.mark.parametrize(
        "move",
        [
            pytest.param(lambda job: job.attempt_failed(2, ERROR, [], START), id="attempt_failed"),
            pytest.param(lambda job: job.submitted(2, "t", START), id="submitted"),
            pytest.param(lambda job: job.count_query(2, START), id="count_query"),
        ],
    )
    def test_move_for_another_attempt_changes_nothing(self, move):
        job = submitted()

        assert move(job) is job

    def test_job_survives_its_row(self):
        job = submitted().attempt_failed(1, ERROR, [], START).complete("t", "k", [reason("w")], START)

        assert Job.model_validate(job.model_dump(mode="json", by_alias=True, exclude_none=True)) == job

    def test_default_options_stay_unset_after_the_row_is_read(self):
        job = new_job(SOURCE, START).plan(SOURCE, AUDIO, Options(speakers=2), vendors=["a"], warnings=[], now=START)

        again = Job.model_validate(job.model_dump(mode="json", by_alias=True))

        assert again.options.requested_names() == {"speakers"}

    def test_repr_of_a_job_hides_its_task_token(self):
        assert "token-1" not in repr(submitted().store_task_token("token-1", START))

    def test_config_error_continues_with_the_next_vendor_then_fails(self):
        config = AsrError(ErrorClass.CONFIG, "1002", reason("no access"), "a")

        second = planned().attempt_failed(1, config, ["b"], START)
        ended = second.attempt_failed(2, config, [], START)

        assert (second.vendor, second.chain, second.attempt.number) == ("b", [], 2)
        assert (ended.status, ended.error.code) == (Status.FAILED, "1002")


class TestLifeCycle:
    def test_life_cycle_lists_every_move_and_no_other(self):
        moves = {name for name, method in vars(Job).items() if hasattr(method, "__wrapped__")}

        assert moves == set(LIFE_CYCLE)

    @pytest.mark.parametrize("name", LIFE_CYCLE)
    def test_life_cycle_move_has_a_caller(self, name):
        layer = Path(submit.__file__).parent

        assert any(re.search(rf"\b\w+\.{name}\(", path.read_text()) for path in layer.glob("*.py"))

    def test_completed_is_final_and_only_redrive_leaves_failed(self):
        leaving = {
            end: [name for name, move in LIFE_CYCLE.items() if end in move.sources and move.targets - {end}]
            for end in (Status.COMPLETED, Status.FAILED)
        }

        assert LIFE_CYCLE["mark_event_published"].sources == LIFE_CYCLE["mark_event_published"].targets
        assert leaving == {
            Status.COMPLETED: ["mark_event_published"],
            Status.FAILED: ["redrive", "mark_event_published"],
        }

    def test_move_to_a_status_outside_the_table_raises(self, monkeypatch):
        job = submitted()
        monkeypatch.setattr(Job, "_moved", lambda job, _now, **_: job.model_copy(update={"status": Status.COMPLETED}))

        with pytest.raises(RuntimeError, match="restart may not lead from IN_PROGRESS to COMPLETED"):
            job.restart(reason("lost"), START)

    def test_redriven_job_is_queued_and_keeps_its_attempts(self):
        config = AsrError(ErrorClass.CONFIG, "1002", reason("no access"), "a")
        failed = submitted().attempt_failed(1, config, [], START).mark_event_published(99)

        again = failed.redrive(reason("asked for"), START)
        planned_again = again.plan(SOURCE, AUDIO, Options(), vendors=["a"], warnings=[], now=START)

        assert (again.status, again.run, again.error, again.event_published) == (Status.QUEUED, 2, None, False)
        assert [attempt.number for attempt in planned_again.attempts] == [1, 2]
        assert [attempt.planning for attempt in planned_again.attempts] == [1, 2]

    def test_attempts_before_a_redrive_do_not_count(self):
        job = submitted()
        for number in range(1, MAX_ATTEMPTS + 1):
            job = job.attempt_failed(number, ERROR, [], START)
        again = job.redrive(reason("asked for"), START).plan(
            SOURCE, AUDIO, Options(), vendors=["a"], warnings=[], now=START
        )

        assert job.status is Status.FAILED
        assert again.attempt_failed(MAX_ATTEMPTS + 1, ERROR, [], START).status is Status.IN_PROGRESS

    def test_error_after_several_attempts_lists_all_of_them(self):
        config = AsrError(ErrorClass.CONFIG, "1002", reason("no access"), "a")

        ended = planned().attempt_failed(1, config, ["b"], START).attempt_failed(2, config, [], START)

        assert ended.error.message.splitlines() == [
            "no access",
            "What was tried:",
            "attempt 1, a: 1002 (config)",
            "attempt 2, b: 1002 (config)",
        ]

    def test_index_of_open_jobs_has_unfinished_and_unpublished_jobs(self):
        done = submitted().complete("t", "k", [], START)

        assert planned().open == planned().job_id[0]
        assert done.open == done.job_id[0]
        assert done.mark_event_published(1).open is None

    def test_late_slot_moves_the_deadline(self):
        slot = START + timedelta(days=30)

        assert planned().assign_slot(slot, START).deadline_at == slot + timedelta(seconds=DEADLINE_S)

    def test_restart_does_not_reset_the_count_of_attempts(self):
        job = submitted()
        for number in range(1, MAX_ATTEMPTS):
            job = job.attempt_failed(number, ERROR, [], START)

        assert job.restart(reason("lost"), START).attempt_failed(MAX_ATTEMPTS, ERROR, [], START).status is Status.FAILED

    def test_redrive_resets_the_count_of_restarts(self):
        worn_out = submitted()
        for _ in range(MAX_RESTARTS):
            worn_out = worn_out.restart(reason("lost"), START)

        again = worn_out.fail(ERROR, START).redrive(reason("asked for"), START)

        assert worn_out.recoveries == MAX_RESTARTS
        assert (again.recoveries, len(again.restarts)) == (0, MAX_RESTARTS + 1)


class TestFollowers:
    VENDORS = {"small": SYNC, "large": Toy("large", Completion.QUERY)}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("error_class", "trait", "limits", "following"),
        [
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.LENGTH,
                {},
                [],
                id="too long: not to one that takes no longer ones",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.LENGTH,
                {"max_duration_ms": 90_000},
                ["large"],
                id="too long: to one that does",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.LENGTH,
                {"formats": frozenset({"wav", "mp3"})},
                [],
                id="too long: other formats do not help",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.SHORTNESS,
                {"max_duration_ms": 30_000},
                ["large"],
                id="too short: to a vendor of short ones",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.SHORTNESS,
                {"max_duration_ms": 90_000},
                [],
                id="too short: not to a vendor of long ones",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.FORMAT,
                {"formats": frozenset({"wav", "mp3"})},
                ["large"],
                id="other formats",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.CHANNELS,
                {"channels": frozenset({1, 2})},
                ["large"],
                id="more channels",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.SIZE,
                {"max_size_bytes": 9},
                [],
                id="too large: not to one that limits",
            ),
            pytest.param(
                ErrorClass.BAD_AUDIO,
                AudioConstraint.CONTENT,
                {"max_duration_ms": 90_000},
                [],
                id="no speech: no vendor",
            ),
            pytest.param(ErrorClass.CONFIG, AudioConstraint.FORMAT, {}, ["large"], id="config: to the next"),
            pytest.param(ErrorClass.RETRY, AudioConstraint.FORMAT, {}, ["large"], id="retry, exhausted: to the next"),
        ],
    )
    def test_followers_after_an_error(self, monkeypatch, error_class, trait, limits, following):
        larger = dataclasses.replace(self.VENDORS["large"].limits, **limits)
        monkeypatch.setattr(self.VENDORS["large"], "limits", larger, raising=False)

        error = AsrError(error_class, "c", reason("m"), "small", constraint=trait)

        assert followers(["large"], self.VENDORS["small"], error, self.VENDORS) == following


class TestStep:
    @pytest.mark.parametrize(
        ("job", "completion_modes", "at_s", "following", "wait_s"),
        [
            pytest.param(new_job(SOURCE, START), set(), 0, Next.SUBMIT, 0, id="queued"),
            pytest.param(planned(), set(), 0, Next.SUBMIT, 0, id="planned, due now"),
            pytest.param(
                planned().assign_slot(START + timedelta(seconds=9.2), START),
                set(),
                0,
                Next.SUBMIT,
                7,
                id="planned, due later: early enough to keep its slot",
            ),
            pytest.param(planned().claim(None, [], START), set(), 50, Next.SUBMIT, 100, id="claimed"),
            pytest.param(submitted(), {Completion.QUERY}, 0, Next.QUERY, 10, id="submitted, to be asked"),
            pytest.param(submitted(), {Completion.CALLBACK}, 0, Next.CALLBACK, 11700, id="submitted, callback only"),
            pytest.param(
                submitted(), {Completion.CALLBACK}, 11700, Next.CALLBACK, 1, id="callback only, overdue: never a query"
            ),
            pytest.param(
                submitted(), {Completion.CALLBACK, Completion.QUERY}, 0, Next.CALLBACK, 60, id="both: callback first"
            ),
            pytest.param(
                submitted(), {Completion.CALLBACK, Completion.QUERY}, 59.9, Next.CALLBACK, 1, id="both: never waits 0 s"
            ),
            pytest.param(
                submitted(), {Completion.CALLBACK, Completion.QUERY}, 60, Next.QUERY, 3, id="both: then the query"
            ),
            pytest.param(submitted().complete("t", "k", [], START), set(), 0, Next.COMPLETED, 0, id="completed"),
            pytest.param(submitted().fail(ERROR, START), set(), 0, Next.FAILED, 0, id="failed"),
        ],
    )
    def test_next_step_of_a_job(self, job, completion_modes, at_s, following, wait_s):
        step = next_step(job, completion_modes, START + timedelta(seconds=at_s))

        assert (step.next, step.wait_s) == (following, wait_s)

    def test_envelope_holds_references_only(self):
        assert next_step(planned(), set(), START).envelope() == {
            "job_id": planned().job_id,
            "next": "submit",
            "wait_s": 0,
        }


class TestPolling:
    @given(st.floats(1, 5 * 3600), st.none() | st.integers(1, 86_400))
    def test_polling_for_six_hours_is_bounded(self, audio_s, typical_s):
        elapsed_s, queries = 0.0, 0

        while elapsed_s < RESULT_DEADLINE_S:
            delay_s = next_delay(audio_s, elapsed_s, queries, typical_s)
            assert delay_s >= 3
            elapsed_s, queries = elapsed_s + delay_s, queries + 1

        assert queries <= 90

    def test_polling_finds_a_result_within_a_seventh_of_its_time(self):
        assert next_delay(3600, 100, 5) <= 100 / 7


@given(st.text(), st.integers(1, MAX_ATTEMPTS - 1))
def test_retry_wait_grows_and_is_deterministic(job_id, tries):
    assert attempt_wait_s(job_id, tries) == attempt_wait_s(job_id, tries)
    assert attempt_wait_s(job_id, tries) <= attempt_wait_s(job_id, tries + 1)
    assert attempt_wait_s(job_id, tries) >= 2.5


class TestTranscript:
    @pytest.mark.parametrize(
        ("parts", "text"),
        [
            pytest.param(["你好", "世界"], "你好世界", id="Chinese: no spaces"),
            pytest.param(["hello", "world"], "hello world", id="English: spaces"),
            pytest.param(["我用", "Python", "写"], "我用Python写", id="mixed: none next to a wide character"),
            pytest.param([" a ", "", " b"], "a b", id="stray spaces"),
            pytest.param(["안녕", "여러분"], "안녕 여러분", id="Korean: spaces, though it is wide"),
            pytest.param([], "", id="nothing"),
        ],
    )
    def test_join_text_spaces_by_script(self, parts, text):
        assert join_text(parts) == text

    @given(
        st.lists(
            st.tuples(st.none() | st.integers(-5, 5000), st.none() | st.integers(-5, 5000)).map(
                lambda span: Utterance(
                    start_ms=span[0], end_ms=span[1], text="x", words=[Word(start_ms=span[1], end_ms=span[0], text="x")]
                )
            )
        )
    )
    def test_recognition_times_are_in_order(self, utterances):
        heard = recognition(utterances)

        starts = [utterance.start_ms for utterance in heard.utterances if utterance.start_ms is not None]
        assert starts == sorted(starts)
        assert len(heard.utterances) == len(utterances)
        for timed in [*heard.utterances, *(word for utterance in heard.utterances for word in utterance.words)]:
            assert (timed.start_ms is None) == (timed.end_ms is None)
            assert timed.start_ms is None or 0 <= timed.start_ms <= timed.end_ms


class TestSettings:
    ENVIRONMENT = {  # noqa: RUF012
        "STACK_NAME": "n",
        "JOBS_TABLE": "t",
        "TRANSCRIPT_BUCKET": "b",
        "SECRET_ARN": "s",
        "VENDOR_CHAIN": "abcpen,volcengine",
        "ROW_RETENTION_DAYS": "30",
        "CALLBACK_BASE_URL": "https://c",
        "TENCENT_SENTENCE_BASE_URL": "https://t",
        "VENDOR_TUNING": '{"abcpen": {"submissions_per_second": 7}}',
    }

    def test_settings_are_read_by_vendor(self):
        settings = Settings.from_environment(self.ENVIRONMENT)

        assert settings.vendor_chain == ["abcpen", "volcengine"]
        assert settings.base_urls == {"tencent-sentence": "https://t"}
        assert settings.rate_limit("abcpen") == RateLimit(7)
        assert settings.query_rate_limit("abcpen") == RateLimit(10)
        assert settings.rate_limit("abcpen-offline") == RateLimit(5, per_day=100)
        assert settings.query_rate_limit("abcpen-offline") is None
        assert settings.callback_base_url == "https://c"

    def test_unknown_vendor_stops_the_start(self):
        with pytest.raises(AsrError, match="VendorChain names volcengin; there are tencent-sentence"):
            Settings.from_environment({**self.ENVIRONMENT, "VENDOR_CHAIN": "volcengin"})

    @pytest.mark.parametrize("url", ["http://t", "http://127.0.0.1:9", "HTTP://t"])
    def test_clear_text_is_allowed_on_the_local_stack_only(self, url):
        environment = {**self.ENVIRONMENT, "TENCENT_SENTENCE_BASE_URL": url}
        local = {**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}

        with pytest.raises(AsrError, match="BaseUrl of tencent-sentence must begin with https://"):
            Settings.from_environment(environment)

        assert Settings.from_environment(local).base_urls == {"tencent-sentence": url}

    def test_invalid_tuning_stops_the_start(self):
        with pytest.raises(AsrError, match="VendorTuning: abcpen has no 'per_second'"):
            Settings.from_environment({**self.ENVIRONMENT, "VENDOR_TUNING": '{"abcpen": {"per_second": 7}}'})

    def test_missing_variables_are_named(self):
        incomplete = {name: value for name, value in self.ENVIRONMENT.items() if name != "JOBS_TABLE"}

        with pytest.raises(ValidationError, match="jobs_table"):
            Settings.from_environment(incomplete)
