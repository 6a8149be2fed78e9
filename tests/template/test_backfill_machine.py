"""Check the backfill state machine's definition."""

import json
import re

import pytest

from asrcore.backfill import ROUND_S, Progress
from asrcore.events import BackfillOutcome, Batch, ListedKey, ManifestEntry, backfill_event
from asrctl.backfill import INVENTORIES
from asrctl.shapes import BackfillRequest
from tests.support.template import ROOT, TEMPLATE, THROTTLED, policies_of

TEXT = (ROOT / "statemachine/backfill.asl.json").read_text()
ASL = json.loads(TEXT)
MAPS = {name: state for name, state in ASL["States"].items() if state["Type"] == "Map"}
MACHINE = TEMPLATE["Resources"]["BackfillStateMachine"]["Properties"]
FUNCTION_S = TEMPLATE["Resources"]["SubmitFunction"]["Properties"]["Timeout"]
LARGEST_STATE_BYTES = 256 * 1024
LONGEST_KEY_BYTES = 1024


def of_type(name: str, kind: str) -> dict:
    """Return the one state of this type that a Map runs for each batch."""
    (state,) = (state for state in MAPS[name]["ItemProcessor"]["States"].values() if state["Type"] == kind)
    return state


def test_prefix_and_inventory_maps_differ_in_reader_only():
    prefix, inventory = (
        {**MAPS[name], "ItemProcessor": json.dumps(MAPS[name]["ItemProcessor"]).replace(kind, "")}
        for name, kind in (("FromPrefix", "Prefix"), ("FromInventory", "Inventory"))
    )
    differ = {name for name in {*prefix, *inventory} if prefix.get(name) != inventory.get(name)}

    assert differ == {"Comment", "Label", "ItemReader", "ItemSelector"}


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        pytest.param(BackfillRequest(prefix="incoming/", concurrency=10), "FromPrefix", id="a prefix"),
        pytest.param(
            BackfillRequest(inventory="inventory/weekly/manifest.json", concurrency=10),
            "FromInventory",
            id="an inventory",
        ),
    ],
)
def test_command_input_matches_the_machines_paths(asked, goes_to):
    given = asked.to_input()
    (choice,) = ASL["States"]["WhichList"]["Choices"]
    chosen = choice["Next"] if choice["Variable"].removeprefix("$.") in given else ASL["States"]["WhichList"]["Default"]
    read = [path for path in re.findall(r'"\$\.(\w+)"', json.dumps(MAPS[goes_to])) if path in {*given, "prefix"}]

    assert chosen == goes_to
    assert {"concurrency", *read} == set(given)


@pytest.mark.parametrize("name", MAPS)
class TestMaps:
    def test_map_is_distributed_and_bounded(self, name):
        assert MAPS[name]["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        assert MAPS[name]["MaxConcurrencyPath"] == "$.concurrency"
        assert 0 < MAPS[name]["ToleratedFailurePercentage"] <= 10

    def test_manifest_prefix_is_the_execution_name(self, name):
        written = MAPS[name]["ResultWriter"]["Parameters"]

        assert written["Bucket"] == "${TranscriptBucketName}"
        assert written["Prefix.$"] == "States.Format('backfill/{}', $$.Execution.Name)"

    def test_dispatch_handles_exactly_the_layers_results(self, name):
        answers = {
            str(Progress(Batch(Items=items)).envelope()["next"]) for items in ([], [ListedKey(key="incoming/a.wav")])
        }

        assert {choice["StringEquals"] for choice in of_type(name, "Choice")["Choices"]} == answers

    def test_task_calls_the_function_within_its_timeout(self, name):
        submit = of_type(name, "Task")
        payload = {**submit["Parameters"]["Payload"], "batch": {"Items": [{"key": "incoming/a.wav"}]}}

        assert backfill_event({key.removesuffix(".$"): value for key, value in payload.items() if key != "batch.$"})
        assert ROUND_S < FUNCTION_S < submit["TimeoutSeconds"]

    def test_lambda_throttling_has_its_own_retrier(self, name):
        first, other = of_type(name, "Task")["Retry"]

        assert first == THROTTLED
        assert (other["ErrorEquals"], other["JitterStrategy"]) == (["States.ALL"], "FULL")

    def test_batch_with_its_results_fits_into_a_state(self, name):
        batcher = MAPS[name]["ItemBatcher"]
        longest = "incoming/auto/" + "会" * ((LONGEST_KEY_BYTES - 14) // 3)
        entry = ManifestEntry(key=longest, outcome=BackfillOutcome.FAILED, job_id="0" * 32, why="会" * 200)
        count = batcher["MaxItemsPerBatch"]
        batch = Batch(Items=[ListedKey(key=longest)] * count, recordings=[entry] * count)

        assert len(json.dumps(Progress(batch).envelope())) < LARGEST_STATE_BYTES
        assert batcher["MaxInputBytesPerBatch"] < LARGEST_STATE_BYTES // 2

    def test_every_state_is_reachable(self, name):
        processor = MAPS[name]["ItemProcessor"]

        text = json.dumps(processor)
        assert all(f'"Next": "{state}"' in text for state in processor["States"] if state != processor["StartAt"])


def test_the_execution_has_a_time_limit():
    assert ASL["TimeoutSeconds"] > 0


def test_no_partition_region_account_or_suffix_is_hardcoded():
    assert not re.findall(r"arn:aws[:-]|amazonaws\.com|\b\d{12}\b", TEXT)


def test_every_substitution_is_defined_and_used():
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(MACHINE["DefinitionSubstitutions"])


def test_role_reads_inventories_where_s3_writes_them():
    _, documents = policies_of(TEMPLATE["Resources"]["BackfillStateMachineRole"])
    documents.append(TEMPLATE["Resources"]["AudioBucketPolicy"]["Properties"]["PolicyDocument"])
    statements = {each["Sid"]: each for document in documents for each in document["Statement"]}

    for sid in ("ReadInventory", "AllowInventory"):
        assert statements[sid]["Resource"]["Fn::Sub"].endswith(f"${{AudioBucket}}/{INVENTORIES}*")
    assert set(statements["AllowInventory"]["Condition"]) == {"StringEquals", "ArnEquals"}
