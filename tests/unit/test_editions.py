"""Check the edition that a task is submitted to, and the next one when the account lacks it."""

import json
from datetime import timedelta

import pytest

from asrcore.core.cost import incurred
from asrcore.core.editions import REMEMBERED, RefusedEditions
from asrcore.core.errors import ErrorClass, NoAnswerError
from asrcore.core.prices import AWS_PRICES, REFERENCE, VENDOR_PRICES, Rates
from asrcore.core.step import Next
from asrcore.core.vendor import HttpReply
from asrcore.poll import query
from asrcore.submit import submit
from asrcore.vendors.registry import VENDORS
from tests.support.fake_services import START, World
from tests.support.metric_scenarios import points
from tests.support.pipeline import KEY, SOURCE, drop, wav
from tests.support.reasons import reason

VENDOR = VENDORS["volcengine-bigmodel"]
SEED, BIG = "volc.seedasr.auc", "volc.bigasr.auc"
DONE = {"audio_info": {"duration": 1000}, "result": {"text": "好。", "utterances": []}}


class Service:
    """A vendor with some editions in the account; `lost` replies to accepted submissions do not arrive."""

    def __init__(self, *granted, lost=0):
        self.granted, self.lost = set(granted), lost
        self.calls, self.tasks = [], set()

    def __call__(self, request):
        call = request.url.rsplit("/", 1)[1]
        resource, request_id = request.headers["X-Api-Resource-Id"], request.headers["X-Api-Request-Id"]
        self.calls.append((call, resource))
        if resource not in self.granted:
            header = {"reqid": "r", "code": 45000030, "message": "requested resource not granted"}
            return HttpReply(403, json.dumps({"header": header}).encode())
        task, known = (resource, request_id), (resource, request_id) in self.tasks
        if call == "query":
            return _told("20000000" if known else "45000000", DONE)
        self.tasks.add(task)
        if not known and self.lost:
            self.lost -= 1
            raise NoAnswerError(ErrorClass.RETRY, "Timeout", reason("no answer"))
        return _told("45000001" if known else "20000000")


def _told(code, body=None):
    return HttpReply(200, json.dumps(body or {}).encode(), {"x-api-status-code": code, "x-api-message": "m"})


def world_of(service, **metadata):
    made = World(
        vendors={VENDOR.name: VENDOR},
        send=service,
        secret={"volcengine": {"api_key": "k"}, "callback": {"keys": ["callback-key"]}},
    )
    made.audio[KEY] = (wav(), {f"asr-{name}": value for name, value in metadata.items()})
    return made


def test_account_with_model_2_is_asked_once():
    service = Service(SEED, BIG)

    job = drop(world_of(service))

    assert service.calls == [("submit", SEED)]
    assert (job.attempt.edition, job.attempt.vendor_task_id.split("/")[0]) == (SEED, SEED)


def test_refused_edition_is_followed_within_the_attempt():
    service = Service(BIG)
    made = world_of(service)

    job = drop(made)
    made.pass_time(600)
    step = query(job.job_id, made.services)

    assert service.calls == [("submit", SEED), ("submit", BIG), ("query", BIG)]
    assert (len(job.attempts), job.attempt.claims) == (1, 1)
    assert step.next is Next.COMPLETED


def test_refused_edition_is_no_submission_of_its_own():
    made = world_of(Service(BIG))

    drop(made)

    counted = [point for point in points(made.measured) if point.name == "Submissions" and "vendor" in point.dimensions]
    assert [point.value for point in counted] == [1]


def test_edition_is_on_the_row_before_it_is_submitted_to():
    class Crash(Service):
        def __call__(self, request):
            if request.headers["X-Api-Resource-Id"] == BIG:
                raise RuntimeError("the process dies")
            return super().__call__(request)

    made = world_of(Crash())

    with pytest.raises(Exception, match="the process dies"):
        drop(made)

    attempt = made.job().attempt
    assert (attempt.edition, attempt.vendor_task_id.split("/")[0]) == (BIG, BIG)


def test_lost_answer_after_refused_edition_makes_no_second_task():
    service = Service(BIG, lost=1)
    made = world_of(service)

    job = drop(made)
    made.refused_editions = RefusedEditions()  # another process
    service.granted.add(SEED)  # and the account gained the right meanwhile
    made.pass_time(submit(job.job_id, made.services).wait_s)
    submit(job.job_id, made.services)

    assert [resource for call, resource in service.calls] == [SEED, BIG, BIG]
    assert len(service.tasks) == 1
    assert made.job().attempt.submitted_at is not None


def test_account_without_any_edition_fails_with_what_to_do():
    service = Service()

    job = drop(world_of(service))

    assert service.calls == [("submit", SEED), ("submit", BIG)]
    assert (job.error.class_, job.error.code) == (ErrorClass.CONFIG, "45000030")
    assert "model 1.0" in job.error.message


def test_named_edition_has_no_other():
    service = Service(SEED)

    job = drop(world_of(service, model=BIG))

    assert service.calls == [("submit", BIG)]
    assert job.error.code == "45000030"


def test_another_refusal_leads_to_no_other_edition():
    service = Service(SEED, BIG)
    made = world_of(lambda request: service(request) and HttpReply(401, b'{"header": {"code": 45000010}}'))

    assert drop(made).error.code == "45000010"
    assert service.calls == [("submit", SEED)]


@pytest.mark.parametrize(
    ("waited", "first"),
    [
        pytest.param(timedelta(0), "b", id="at-once"),
        pytest.param(REMEMBERED - timedelta(seconds=1), "b", id="within-the-hour"),
        pytest.param(REMEMBERED, "a", id="after-it"),
    ],
)
def test_refused_edition_is_remembered_for_a_while(waited, first):
    refused = RefusedEditions()

    refused.add("v", "a", START)

    assert refused.first("v", ("a", "b"), START + waited) == first
    assert refused.first("w", ("a", "b"), START + waited) == "a"


def test_editions_that_were_all_refused_are_tried_from_the_first():
    refused = RefusedEditions()

    refused.add("v", "a", START)
    refused.add("v", "b", START)

    assert refused.first("v", ("a", "b"), START) == "a"
    assert refused.first("v", (), START) is None


def test_second_recording_goes_to_the_edition_of_the_account():
    service = Service(BIG)
    made = world_of(service)
    drop(made)

    other = KEY.replace("meeting", "other")
    made.audio[other] = made.audio[KEY]
    drop(made, SOURCE.model_copy(update={"key": other}))

    assert service.calls == [("submit", SEED), ("submit", BIG), ("submit", BIG)]


@pytest.mark.parametrize(("granted", "cny"), [(SEED, 0.8), (BIG, 2.3)])
def test_cost_is_that_of_the_edition_that_was_used(granted, cny):
    job = drop(world_of(Service(granted)))
    hour = job.model_copy(update={"audio": job.audio.model_copy(update={"duration_ms": 3_600_000})})
    rates = Rates(
        vendors=VENDOR_PRICES,
        completion_modes={VENDOR.name: VENDOR.completion_modes},
        aws=AWS_PRICES[REFERENCE],
        region=REFERENCE,
    )

    cost = incurred(hour, rates)

    assert cost.vendor.cny == cny
    assert not any("usual engine" in assumption for assumption in cost.assumptions)


def test_half_hour_volume_is_waited_for_before_the_next_attempt():
    made = world_of(lambda request: _told("45000131"))

    job = drop(made)

    assert (job.attempts[0].outcome, len(job.attempts)) == ("retry", 2)
    assert (job.attempts[1].due_at - made.clock).total_seconds() == 600
