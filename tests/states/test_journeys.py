"""Run scenarios of a job through poller.asl.json in a third-party interpreter other than moto's.

aws-local-stepfunctions runs them in simulated time, with the longest waits that the jitter allows. It differs from
Step Functions twice: it resolves `TimeoutSecondsPath` in the result of `Parameters`, so that the copy under test keeps
`wait_s` there, and it has no Distributed Map, so that of a backfill it runs one child.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.states.node_scripts import ask
from tests.support.state_machines import definition

Json = dict[str, Any]
JOB = "5d41402abc4b2a76b9719d911017c592"
THROTTLED = {"error": "Lambda.TooManyRequestsException"}
CRASHED = {"error": "Runtime.ExitError", "cause": "it exited"}
LEAST_S_FOR_THROTTLING = 30 * 60


def envelope(following: str, wait_s: int = 0) -> Json:
    return {"job_id": JOB, "next": following, "wait_s": wait_s}


def returned(following: str, wait_s: int = 0) -> Json:
    """Return Step Functions' result of a function that returned an envelope."""
    return {"output": {"StatusCode": 200, "Payload": envelope(following, wait_s)}}


def poller() -> Json:
    machine: Json = json.loads(definition("PollerStateMachine"))
    machine["States"]["AwaitCallback"]["Parameters"]["wait_s.$"] = "$.wait_s"
    return machine


def journey(first: Json, **answers: list[Json]) -> Json:
    return {"definition": poller(), "input": first, "answers": answers}


def child(map_name: str, **answers: list[Json]) -> Json:
    """Return the machine of one backfill batch."""
    processor = json.loads(definition("BackfillStateMachine"))["States"][map_name]["ItemProcessor"]
    machine = {name: part for name, part in processor.items() if name != "ProcessorConfig"}
    return {"definition": machine, "input": {"Items": [{"key": "incoming/a.wav"}]}, "answers": answers}


LEFT = {"next": "submit", "wait_s": 90, "Items": [{"key": "incoming/a.wav"}], "recordings": []}
NOTHING_LEFT = {"next": "done", "wait_s": 0, "Items": [], "recordings": [{"key": "incoming/a.wav"}]}
BATCH = [{"output": {"Payload": LEFT}}, {"output": {"Payload": NOTHING_LEFT}}]
JOURNEYS = {
    "query": journey(envelope("query", 7), Query=[returned("query", 20), returned("completed")]),
    "callback": journey(envelope("callback", 3600), AwaitCallback=[{"output": envelope("completed")}]),
    "missed callback": journey(
        envelope("callback", 3600), AwaitCallback=[{"silent": True}], CheckOverdue=[returned("failed")]
    ),
    "conversion": journey(
        envelope("convert"),
        Convert=[CRASHED, returned("submit"), returned("submit")],
        Submit=[returned("convert"), returned("completed")],
    ),
    "submission with slots": journey(
        envelope("submit", 300),
        Submit=[returned("submit", 600), returned("query", 30)],
        Query=[returned("completed")],
    ),
    "throttled": journey(
        envelope("query"),
        Query=[THROTTLED | {"times": 21}],
        Recover=[returned("query", 900)],
        CheckOverdue=[returned("completed")],
    ),
    "failing step": journey(
        envelope("submit"),
        Submit=[CRASHED | {"times": 5}],
        Recover=[returned("query", 900)],
        CheckOverdue=[returned("completed")],
    ),
    "throttled, then failing": journey(
        envelope("query"), Query=[*[THROTTLED] * 3, *[CRASHED] * 4, returned("completed")]
    ),
    "recovery that fails": journey(envelope("query"), Query=[CRASHED | {"times": 5}], Recover=[CRASHED | {"times": 5}]),
    "unknown step": journey(envelope("query"), Query=[returned("dance")]),
    "batch of a prefix": child("FromPrefix", SubmitPrefixBatch=BATCH),
    "batch of an inventory": child("FromInventory", SubmitInventoryBatch=BATCH),
}


@dataclass(frozen=True)
class Result:
    """The result of a scenario. calls: the function calls, each {state, parameters, at_s}."""

    path: list[str]
    calls: list[Json]
    elapsed_s: float
    output: Json | None = None
    error: str | None = None

    def calls_of(self, state: str) -> list[Json]:
        return [call for call in self.calls if call["state"] == state]


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    answers = ask("run.mjs", list(JOURNEYS.values()))
    return {name: Result(**answer) for name, answer in zip(JOURNEYS, answers, strict=True)}


def test_query_step_repeats_until_the_job_ends(results):
    result = results["query"]

    assert result.path == [
        "Dispatch",
        "WaitToQuery",
        "Query",
        "Dispatch",
        "WaitToQuery",
        "Query",
        "Dispatch",
        "Completed",
    ]
    assert [call["at_s"] for call in result.calls] == [7, 27]
    assert result.calls[0]["parameters"]["Payload"] == {"action": "query", "job_id": JOB}
    assert result.output == envelope("completed")


def test_callback_ends_the_wait_with_its_envelope(results):
    result = results["callback"]
    (call,) = result.calls

    assert result.path == ["Dispatch", "AwaitCallback", "Dispatch", "Completed"]
    assert call["parameters"]["Payload"] == {"action": "await_callback", "job_id": JOB, "task_token": "a-token"}
    assert result.elapsed_s == 0


def test_missed_callback_is_queried_after_its_timeout(results):
    result = results["missed callback"]

    assert result.path == ["Dispatch", "AwaitCallback", "CheckOverdue", "Dispatch", "Failed"]
    assert [(call["state"], call["at_s"]) for call in result.calls] == [("AwaitCallback", 0), ("CheckOverdue", 3600)]


def test_conversion_is_repeated_before_the_submission(results):
    result = results["conversion"]

    assert [call["state"] for call in result.calls] == ["Convert", "Convert", "Submit", "Convert", "Submit"]
    assert result.calls[0]["parameters"]["Payload"] == {"action": "convert", "job_id": JOB}


def test_submission_waits_for_each_slot(results):
    result = results["submission with slots"]

    assert [(call["state"], call["at_s"]) for call in result.calls] == [
        ("Submit", 300),
        ("Submit", 900),
        ("Query", 930),
    ]
    assert result.path[-1] == "Completed"


def test_throttled_function_is_recovered_after_21_calls(results):
    result = results["throttled"]
    (recovered,) = result.calls_of("Recover")

    assert len(result.calls_of("Query")) == 21
    assert result.calls_of("Query")[-1]["at_s"] > LEAST_S_FOR_THROTTLING
    assert recovered["parameters"]["Payload"]["error"]["Error"] == THROTTLED["error"]
    assert result.path[-5:] == ["Recover", "WaitToRecover", "CheckOverdue", "Dispatch", "Completed"]
    assert result.calls_of("CheckOverdue")[0]["at_s"] == recovered["at_s"] + 900


def test_failing_step_is_recovered_after_five_calls(results):
    result = results["failing step"]
    (recovered,) = result.calls_of("Recover")

    assert len(result.calls_of("Submit")) == 5
    assert recovered["at_s"] == 2 + 4 + 8 + 16
    assert recovered["parameters"]["Payload"] == {
        "action": "recover",
        "job_id": JOB,
        "error": {"Error": "Runtime.ExitError", "Cause": "it exited"},
    }
    assert result.path[-1] == "Completed"


def test_throttling_uses_no_retry_of_a_failing_step(results):
    result = results["throttled, then failing"]

    assert len(result.calls) == 8
    assert result.path[-1] == "Completed"


def test_recovery_that_fails_fails_the_execution(results):
    result = results["recovery that fails"]

    assert len(result.calls_of("Recover")) == 5
    assert (result.path[-1], result.error) == ("Recover", "Runtime.ExitError")


def test_unknown_step_fails_the_execution(results):
    assert results["unknown step"].error == "States.NoChoiceMatched"


@pytest.mark.parametrize("kind", ["prefix", "inventory"])
def test_batch_waits_for_its_slot_and_ends_with_its_recordings(results, kind):
    result = results[f"batch of {'a' if kind == 'prefix' else 'an'} {kind}"]

    assert [call["at_s"] for call in result.calls] == [0, 90]
    assert result.calls[1]["parameters"]["Payload"]["batch"] == LEFT
    assert result.output == NOTHING_LEFT["recordings"]


def test_scenarios_enter_every_state(results):
    states = {*poller()["States"], *(name for each in JOURNEYS.values() for name in each["definition"]["States"])}

    assert {state for result in results.values() for state in result.path} == states
