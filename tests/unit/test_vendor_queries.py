"""What a failed query means for a task in progress: nothing, its end, or that the task is unknown."""

from dataclasses import replace

import pytest

from asrcore.core.errors import AsrError, ErrorClass, QueryFailedError, TaskNotFoundError
from asrcore.core.step import Next
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import Accepted, CodeKind, Completion, HttpReply
from asrcore.poll import GONE_GRACE_S, NOT_FOUND_GRACE_S, query
from asrcore.vendors.registry import VENDORS
from tests.support.pipeline import BOTH, CALLBACK, QUERY, SYNC, drop, requests, world
from tests.support.recognition_requests import a_recognition_request, answer
from tests.support.toy import toy_message

QUERIED = [name for name, vendor in VENDORS.items() if Completion.QUERY in vendor.completion_modes]
OURS = {"TaskFailed"}


def codes_of(*kinds: CodeKind, names=QUERIED):
    return [
        pytest.param(name, code, id=f"{name}-{code}")
        for name in names
        for code, known in VENDORS[name].codes.items()
        if known.kind in kinds and code not in VENDORS[name].unknown_task_codes
    ]


def of_query(name: str, code: str) -> AsrError:
    return VENDORS[name].query_error(VENDORS[name].error(code))


@pytest.mark.parametrize(("name", "code"), codes_of(CodeKind.CONFIG))
def test_config_error_of_a_query_does_not_end_the_task(name, code):
    error = of_query(name, code)

    assert isinstance(error, QueryFailedError)
    assert (error.error_class, error.code, error.vendor) == (ErrorClass.CONFIG, code, name)


@pytest.mark.parametrize(("name", "code"), codes_of(CodeKind.BAD_AUDIO))
def test_bad_audio_of_a_query_ends_the_task(name, code):
    assert not isinstance(of_query(name, code), QueryFailedError)


@pytest.mark.parametrize("name", QUERIED)
def test_undocumented_code_of_a_query_does_not_end_the_task(name):
    assert isinstance(of_query(name, "31415"), QueryFailedError)


@pytest.mark.parametrize("name", QUERIED)
def test_task_codes_are_vendor_codes_and_not_config(name):
    vendor = VENDORS[name]

    assert vendor.task_codes | vendor.unknown_task_codes <= vendor.codes.keys() | OURS
    assert not vendor.task_codes & vendor.unknown_task_codes
    assert all(vendor.look_up(code).kind is not CodeKind.CONFIG for code in vendor.task_codes)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        pytest.param("volcengine", answer({"resp": {"code": 1001, "message": "task not found"}}), id="volcengine"),
        pytest.param(
            "volcengine-bigmodel",
            HttpReply(200, b"{}", {"x-api-status-code": "45000000", "x-api-message": "cannot find task"}),
            id="bigmodel",
        ),
        pytest.param("abcpen", answer({"code": "10107", "data": {}, "desc": "illegal parameter"}), id="abcpen"),
        pytest.param("abcpen-offline", answer({"status": "not_found", "code": "-1"}), id="offline"),
        pytest.param("abcpen-offline", answer({"detail": "Not Found"}, 404), id="offline-by-HTTP"),
        pytest.param(
            "tencent-rec-task",
            answer({"Response": {"Error": {"Code": "FailedOperation.NoSuchTask", "Message": "错误的TaskId。"}}}),
            id="rec-task",
        ),
    ],
)
def test_each_vendor_has_a_code_for_an_unknown_task(name, reply):
    with pytest.raises(TaskNotFoundError) as failure:
        VENDORS[name].read_query(reply, a_recognition_request())

    assert failure.value.error_class is ErrorClass.RETRY
    assert failure.value.message == "the vendor does not know the task: not yet, or no longer"
    assert failure.value.vendor == name


@pytest.mark.parametrize(
    ("waited_s", "following"),
    [
        pytest.param(3, Next.QUERY, id="a-moment-after-submission-it-is-asked-again"),
        pytest.param(NOT_FOUND_GRACE_S, Next.QUERY, id="the-whole-grace-through"),
        pytest.param(NOT_FOUND_GRACE_S + 1, Next.SUBMIT, id="then-it-is-submitted-again"),
    ],
)
def test_lost_task_is_submitted_again(waited_s, following):
    made = world("accepted", "not-found")
    job = drop(made)

    made.pass_time(waited_s)
    step = query(job.job_id, made.services)

    assert step.next is following
    assert len(made.job().attempts) == (1 if following is Next.QUERY else 2)


def test_task_known_within_the_grace_is_submitted_once():
    made = world("accepted", "not-found", "not-found", "done")
    job = drop(made)

    steps = [query(job.job_id, made.services).next for _ in range(3)]

    assert steps == [Next.QUERY, Next.QUERY, Next.COMPLETED]
    assert requests(made).count("POST submit/toy-query") == 1


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        pytest.param(["gone", "gone"], "config", id="for-good"),
        pytest.param(["gone", "working", "gone", "working"], None, id="now-and-then"),
    ],
)
def test_persistently_missing_address_ends_the_attempt(words, outcome):
    made = world("accepted", *words, "working")
    job = drop(made)

    for _ in words:
        made.pass_time(GONE_GRACE_S + 1)
        query(job.job_id, made.services)

    assert made.job().attempts[0].outcome == outcome


def test_bad_parameter_hidden_by_a_repeat_is_an_unknown_task():
    vendor, repeated = VENDORS["volcengine-bigmodel"], replace(a_recognition_request(), repeated=True)
    refused = HttpReply(200, b"{}", {"x-api-status-code": "45000001", "x-api-message": "invalid"})
    unknown = HttpReply(200, b"{}", {"x-api-status-code": "45000000", "x-api-message": "cannot find task"})

    accepted = vendor.read_submit(refused, repeated)

    assert accepted == Accepted(vendor.chosen_task_id(repeated))
    with pytest.raises(TaskNotFoundError):
        vendor.read_query(unknown, repeated)


@pytest.mark.parametrize("toy", [SYNC, CALLBACK], ids=lambda toy: toy.name)
def test_toy_without_queries_raises_lookup_error(toy):
    with pytest.raises(LookupError, match="cannot be queried"):
        toy.query_request("task-1", None, now=0)
    with pytest.raises(LookupError, match="cannot be queried"):
        toy.read_query(HttpReply(200, toy_message("done")), a_recognition_request())


@pytest.mark.parametrize("toy", [QUERY, BOTH], ids=lambda toy: toy.name)
def test_toy_with_queries_returns_its_result(toy):
    assert isinstance(toy.read_query(HttpReply(200, toy_message("done")), a_recognition_request()), Recognition)
