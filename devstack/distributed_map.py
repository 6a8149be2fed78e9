"""Run Distributed Maps as Step Functions does (guide: Map state in Distributed mode), in place of moto.

moto reads the first page of a list and no inventory, has no batches, tolerates every failure, and writes a manifest
without results. A run here reads all items, distributes batches, counts, stops when too many items fail, and writes the
outcome of each batch to the ResultWriter's location. Child executions run within their parent, each in its own frame.
"""

import csv
import functools
import gzip
import io
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Json = dict[str, Any]
_INVENTORY = "MANIFEST"
_KEEP_STATE = frozenset({"Map", "Parallel"})  # moto's components of these hold an execution's workers
_TOLERANCE_EXCEEDED = StatesErrorNameType.StatesExceedToleratedFailureThreshold


@dataclass(frozen=True)
class _MapOptions:
    """The fields of a Map state that moto cannot read, or handles otherwise."""

    batch_size: int
    tolerated_percent: float
    reads_inventory: bool
    writer: Any = None


@dataclass
class _Child:
    """A child execution: its input, and its outcome."""

    name: str
    input: Json
    items: int
    status: str = "PENDING"
    outcome: Json = field(default_factory=dict)
    started_at: str = ""

    def record(self, machine_arn: str) -> Json:
        """Return its record in a result file; input and output are JSON as text."""
        times = {"StartDate": self.started_at, "StopDate": _now()} if self.started_at else {}
        return {
            "ExecutionArn": f"{machine_arn.replace(':stateMachine:', ':execution:')}:{self.name}",
            "Input": json.dumps(self.input),
            "InputDetails": {"Included": True},
            "Name": self.name,
            "StateMachineArn": machine_arn,
            "Status": self.status,
            **times,
            **self.outcome,
        }


def wrap_parser(original: Callable[[str], Any]) -> Callable[[str], Any]:
    """Wrap moto's parser of definitions: remove the fields that its grammar lacks, and keep them beside the states.

    A definition is parsed once, not for each execution, unless its states store something of an execution.
    """
    parse_once = functools.cache(original)

    @functools.wraps(original)
    def parse(definition: str) -> Any:
        document = json.loads(definition)
        if not _KEEP_STATE.intersection(state["Type"] for state in document.get("States", {}).values()):
            return parse_once(definition)
        options = {
            name: _extract_options(state)
            for name, state in document.get("States", {}).items()
            if _is_distributed(state)
        }
        program, tree = original(json.dumps(document) if options else definition)
        for name, map_options in options.items():
            state: Any = program.states.states[name]
            state.iteration_component.options = replace(map_options, writer=state.result_writer)
            state.result_writer = None
        return program, tree

    return staticmethod(parse)


def _is_distributed(state: Json) -> bool:
    return bool(state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


def _extract_options(state: Json) -> _MapOptions:
    batch_size = state.pop("ItemBatcher", {}).get("MaxItemsPerBatch", 1)
    tolerated_percent = state.pop("ToleratedFailurePercentage", 0)
    reader = state.get("ItemReader", {})
    reads_inventory = reader.get("ReaderConfig", {}).get("InputType") == _INVENTORY
    if reads_inventory:
        del reader["ReaderConfig"]
    return _MapOptions(batch_size, tolerated_percent, reads_inventory)


class Run:
    """One Map Run, from its first item to its manifest. s3: a client with the state machine's role."""

    def __init__(self, component: Any, env: Any, s3: "S3Client") -> None:
        self._component, self._env = component, env
        self._options: _MapOptions = component.options
        self._request_parameters = env.stack.pop()
        self._record = self._request_parameters.map_run_record
        self._record.tolerated_failure_percentage = self._options.tolerated_percent
        self._s3 = s3
        self._children: list[_Child] = []

    def run(self) -> None:
        """Run the map; the location of the results is left on the interpreter's stack.

        Raises FailureEventException if too many items failed.
        """
        started = {"mapRunStartedEventDetails": {"mapRunArn": self._record.map_run_arn}}
        self._add_event(HistoryEventType.MapRunStarted, started)
        self._options.writer.parargs.eval(env=self._env)
        location = self._env.stack.pop()
        history = self._env.event_manager
        self._env.event_manager = EventManager()  # a child's events are its own
        try:
            self._children = [
                _Child(str(uuid.uuid4()), {"Items": batch}, len(batch))
                for batch in _batches(self._items(), self._options.batch_size)
            ]
            for name in ("total", "pending"):
                self._count(name, sum(child.items for child in self._children), len(self._children))
            with ThreadPoolExecutor(self._record.max_concurrency or 40) as workers:
                list(workers.map(self._run_child, self._children))
        finally:
            self._env.event_manager = history
        failed = self._exceeds_tolerance()
        written = self._write_results(location)
        if not self._env.is_running():
            self._record.set_stop(status=MapRunStatus.ABORTED)
        elif failed:
            self._fail()
        else:
            self._add_event(HistoryEventType.MapRunSucceeded)
            self._record.set_stop(status=MapRunStatus.SUCCEEDED)
        self._env.stack.append(written)

    def _items(self) -> Iterator[Any]:
        self._request_parameters.item_reader.parargs.eval(env=self._env)
        location = self._env.stack.pop()
        listed = self._inventory(location) if self._options.reads_inventory else self._list(location)
        for index, item in enumerate(listed):
            yield self._selected(index, item)

    def _list(self, location: Json) -> Iterator[Json]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(**location):
            for each in page.get("Contents", []):
                yield {**each, "Etag": each.pop("ETag"), "LastModified": int(each["LastModified"].timestamp())}

    def _inventory(self, location: Json) -> Iterator[Json]:
        manifest = json.loads(self._s3.get_object(**location)["Body"].read())
        names = [name.strip() for name in manifest["fileSchema"].split(",")]
        bucket = manifest["destinationBucket"].rpartition(":")[2]
        for file in manifest["files"]:
            rows = gzip.decompress(self._s3.get_object(Bucket=bucket, Key=file["key"])["Body"].read()).decode()
            for row in csv.reader(io.StringIO(rows)):
                yield dict(zip(names, row, strict=True))

    def _selected(self, index: int, item: Any) -> Any:
        if self._request_parameters.item_selector is None:
            return item
        frame = self._env.open_inner_frame()
        try:
            data = frame.states.context_object.context_object_data
            data["Map"] = MapData(Item=ItemData(Index=index, Value=item))
            self._request_parameters.item_selector.eval(frame)
            return frame.stack.pop()
        finally:
            self._env.delete_frame(frame)

    def _run_child(self, child: _Child) -> None:
        if not self._env.is_running() or self._exceeds_tolerance():
            return
        self._move(child, "RUNNING")
        child.started_at = _now()
        frame = self._env.open_inner_frame()
        try:
            frame.states.reset(child.input)
            self._component._get_iteration_program().eval(frame)
            ended = frame.program_state()
            if isinstance(ended, ProgramEnded):
                child.outcome = {"Output": json.dumps(frame.states.get_input()), "OutputDetails": {"Included": True}}
                self._move(child, "SUCCEEDED")
            elif isinstance(ended, ProgramError):
                child.outcome = {"Error": (ended.error or {}).get("error"), "Cause": (ended.error or {}).get("cause")}
                self._move(child, "FAILED")
            else:
                self._move(child, "ABORTED")
        finally:
            self._env.delete_frame(frame)

    def _exceeds_tolerance(self) -> bool:
        items = sum(child.items for child in self._children)
        failed = sum(child.items for child in self._children if child.status == "FAILED")
        return 100 * failed > self._options.tolerated_percent * items

    def _move(self, child: _Child, status: str) -> None:
        self._count(child.status.lower(), -child.items, -1)
        self._count(status.lower(), child.items, 1)
        child.status = status

    def _count(self, name: str, items: int, executions: int) -> None:
        getattr(self._record.item_counter, name).offset(items)
        getattr(self._record.execution_counter, name).offset(executions)

    def _write_results(self, location: Json) -> Json:
        folder = f"{location['Prefix'].rstrip('/')}/{self._record.map_run_arn.rpartition(':')[2]}"
        groups = {"SUCCEEDED": {"SUCCEEDED"}, "FAILED": {"FAILED", "ABORTED"}, "PENDING": {"PENDING"}}
        files: Json = {}
        for group, statuses in groups.items():
            records = [
                child.record(self._record.map_state_machine_arn) for child in self._children if child.status in statuses
            ]
            files[group] = [self._put(location["Bucket"], f"{folder}/{group}_0.json", records)] if records else []
        manifest = {
            "DestinationBucket": location["Bucket"],
            "MapRunArn": self._record.map_run_arn,
            "ResultFiles": files,
        }
        self._put(location["Bucket"], f"{folder}/manifest.json", manifest)
        details = {"Bucket": location["Bucket"], "Key": f"{folder}/manifest.json"}
        return {"MapRunArn": self._record.map_run_arn, "ResultWriterDetails": details}

    def _put(self, bucket: str, key: str, content: object) -> Json:
        body = json.dumps(content).encode()
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        return {"Key": key, "Size": len(body)}

    def _fail(self) -> None:
        failure = {
            "error": _TOLERANCE_EXCEEDED.to_name(),
            "cause": "The specified tolerated failure threshold was exceeded",
        }
        self._add_event(HistoryEventType.MapRunFailed, {"mapRunFailedEventDetails": failure})
        self._record.set_stop(status=MapRunStatus.FAILED)
        ended: Any = {"executionFailedEventDetails": failure}
        name, event = StatesErrorName(typ=_TOLERANCE_EXCEEDED), HistoryEventType.ExecutionFailed
        raise FailureEventException(FailureEvent(self._env, name, event, ended))

    def _add_event(self, event_type: HistoryEventType, details: Any = None) -> None:
        manager, context = self._env.event_manager, self._env.event_history_context
        manager.add_event(context=context, event_type=event_type, event_details=details)


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(islice(items, size)):
        yield batch


def _now() -> str:
    return datetime.now(UTC).isoformat()
