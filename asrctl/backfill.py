"""`backfill`: recordings in the audio bucket that have no job get one, however many they are.

The work is done by a state machine of its own; these commands start it, look at it and stop it. `reconcile` does the
same from the operator's machine, one recording after the other, and looks for lost transcripts besides.
"""

import codecs
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from asrcore.core.option_sources import is_sidecar
from asrcore.core.routing import INCOMING
from asrcore.events import Entry, Outcome
from asrctl.formatting import count, first_line, format_size, table
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, OperatorError
from asrctl.stack import Stack

INVENTORIES = "inventory/"  # where in the audio bucket the state machine may read inventories
CONCURRENCY = 10
MOST_AT_ONCE = 100
_SHOWN = 50
_CHUNK_BYTES = 1 << 20
_OVER = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True)
class BackfillRequest:
    """What a backfill is to go through: the keys under a prefix, or those of an inventory (a key of the audio bucket).

    concurrency: how many batches of recordings are worked on at once.
    """

    prefix: str | None
    inventory: str | None
    concurrency: int = CONCURRENCY

    def to_input(self) -> dict[str, Any]:
        """As the state machine reads it."""
        where = {"inventory": self.inventory} if self.inventory else {"prefix": self.prefix}
        return {**where, "concurrency": self.concurrency}


@dataclass(frozen=True)
class BackfillRun:
    """One backfill. counts: of objects, by Step Functions' names (`total`, `pending`, ...); empty at first."""

    name: str
    status: str
    wanted: dict[str, Any]
    counts: dict[str, int]
    cause: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in _OVER

    def row(self) -> dict[str, Any]:
        """For programs."""
        return {"run": self.name, "status": self.status, **self.wanted, "objects": self.counts, "cause": self.cause}


def read_request(prefix: str | None, inventory: str | None, concurrency: int, stack: Stack) -> BackfillRequest:
    """What is asked for, checked. Raises OperatorError for what the state machine could not read."""
    if inventory:
        return BackfillRequest(None, _inventory_key(inventory, stack), concurrency)
    prefix = INCOMING if prefix is None else prefix
    if not prefix.startswith(INCOMING):
        raise OperatorError(f"recordings lie under {INCOMING}: {prefix!r} does not begin so")
    return BackfillRequest(prefix, None, concurrency)


def start(
    stack: Stack, progress: ProgressReporter, asked: BackfillRequest, now: datetime, *, dry_run: bool
) -> CommandResult:
    """Start a backfill, or say what it would go through."""
    if dry_run:
        return _preview(stack, progress, asked)
    name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    stack.states.start_execution(stateMachineArn=stack.backfill_arn, name=name, input=json.dumps(asked.to_input()))
    lines = [f"backfill {name} is started: `backfill status {name}` tells how far it is"]
    return CommandResult({"run": name, **asked.to_input(), "dry_run": False}, lines)


def status(stack: Stack, name: str | None) -> CommandResult:
    """How far a backfill is; without a name, of the latest ones."""
    names = [name] if name else _latest(stack)
    runs = [_look_up(stack, each) for each in names]
    columns = ("total", "pending", "running", "succeeded", "failed", "aborted")
    rows = [(run.name, run.status, *(str(run.counts.get(each, 0)) for each in columns), _where(run)) for run in runs]
    lines = table(("backfill", "state", "objects", *columns[1:], "of"), rows) if runs else ["no backfill was started"]
    lines += [f"{run.name}: {first_line(run.cause)}" for run in runs if run.cause]
    return CommandResult({"runs": [run.row() for run in runs]}, lines)


def report(stack: Stack, progress: ProgressReporter, name: str) -> CommandResult:
    """What became of every object, from the manifest of a backfill that is over."""
    run = _look_up(stack, name)
    if not run.is_over:
        raise OperatorError(f"backfill {name} is {run.status}: its manifest is written when it is over")
    outcomes: Counter[Outcome] = Counter()
    failed: list[Entry] = []
    for entry in progress.track("objects read", _entries(stack, name)):
        outcomes[entry.outcome] += 1
        if entry.outcome is Outcome.FAILED:
            failed.append(entry)
    unfinished = list(_unfinished(stack, name))
    objects = sum(batch["objects"] for batch in unfinished)
    lines = [
        *table(("outcome", "objects"), [(outcome, str(outcomes[outcome])) for outcome in Outcome]),
        f"of batches that were not finished: {count(objects, 'object')}",
        *(f"{entry.key}: {entry.why}" for entry in failed[:_SHOWN]),
        *(f"and {count(len(failed) - _SHOWN, 'more failure')}: --json shows all" for _ in failed[_SHOWN : _SHOWN + 1]),
        *(f"a batch of {count(batch['objects'], 'object')} {batch['why']}" for batch in unfinished[:_SHOWN]),
    ]
    if unfinished:
        lines.append(f"`backfill resume {name}` takes what is left")
    data = {
        **run.row(),
        "outcomes": {str(outcome): outcomes[outcome] for outcome in Outcome},
        "failures": [entry.model_dump(mode="json") for entry in failed],
        "unfinished": unfinished,
    }
    return CommandResult(data, lines, ok=not unfinished)


def stop(stack: Stack, name: str) -> CommandResult:
    """Have a backfill take nothing more; the jobs it has started go on."""
    run = _look_up(stack, name)
    if run.is_over:
        raise OperatorError(f"backfill {name} is over: it {run.status}")
    stack.states.stop_execution(executionArn=_arn(stack, name), cause="an operator stopped it")
    return CommandResult({"run": name}, [f"backfill {name} stops; `backfill resume {name}` goes on with it"])


def resume(stack: Stack, progress: ProgressReporter, name: str, now: datetime, *, dry_run: bool) -> CommandResult:
    """Go through the same again, in a new run: what has a job is passed over. Raises OperatorError while it runs."""
    run = _look_up(stack, name)
    if not run.is_over:
        raise OperatorError(f"backfill {name} is {run.status}: it needs no help")
    asked = BackfillRequest(run.wanted.get("prefix"), run.wanted.get("inventory"), run.wanted["concurrency"])
    return start(stack, progress, asked, now, dry_run=dry_run)


def elements(chunks: Iterable[str]) -> Iterator[Any]:
    """The objects of a JSON array, one at a time however long it is, from its text in pieces."""
    decoder, held = json.JSONDecoder(), ""
    for chunk in chunks:
        held += chunk
        while (held := held.lstrip("[, \r\n\t")) and not held.startswith("]"):
            try:
                element, end = decoder.raw_decode(held)
            except json.JSONDecodeError:
                break  # the rest of it is in the next piece
            yield element
            held = held[end:]


def _preview(stack: Stack, progress: ProgressReporter, asked: BackfillRequest) -> CommandResult:
    if asked.inventory:
        lines = [f"would go through the inventory {asked.inventory}"]
        return CommandResult({"run": None, **asked.to_input(), "dry_run": True}, lines)
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.audio_bucket, Prefix=asked.prefix)
    objects = (each for page in pages for each in page.get("Contents", []))
    sizes = [
        each["Size"]
        for each in progress.track("objects listed", objects)
        if not is_sidecar(each["Key"]) and not (each["Key"].endswith("/") and each["Size"] == 0)
    ]
    lines = [f"would go through {count(len(sizes), 'recording')}, {format_size(sum(sizes))}, under {asked.prefix}"]
    data = {"run": None, **asked.to_input(), "recordings": len(sizes), "size_bytes": sum(sizes), "dry_run": True}
    return CommandResult(data, lines)


def _inventory_key(address: str, stack: Stack) -> str:
    """The manifest's key. Raises OperatorError for one that the state machine may not or cannot read."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or bucket != stack.audio_bucket or not key.startswith(INVENTORIES):
        raise OperatorError(f"an inventory must lie in s3://{stack.audio_bucket}/{INVENTORIES}: {address!r} does not")
    held = stack.read(bucket, key)
    if held is None:
        raise OperatorError(f"there is no {address}: name the manifest.json of an inventory")
    try:
        manifest = json.loads(held.body)
        described = manifest["sourceBucket"], manifest["fileFormat"], "Key" in manifest["fileSchema"]
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{address} is no inventory's manifest") from error
    if described != (stack.audio_bucket, "CSV", True):
        raise OperatorError(f"{address} must be of {stack.audio_bucket}, as CSV, with keys; docs/backfill.md makes one")
    return key


def _arn(stack: Stack, name: str) -> str:
    return f"{stack.backfill_arn.replace(':stateMachine:', ':execution:')}:{name}"


def _latest(stack: Stack) -> list[str]:
    listed = stack.states.list_executions(stateMachineArn=stack.backfill_arn, maxResults=10)
    return [each["name"] for each in listed["executions"]]


def _look_up(stack: Stack, name: str) -> BackfillRun:
    try:
        told = stack.states.describe_execution(executionArn=_arn(stack, name))
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ExecutionDoesNotExist", "InvalidArn"}:
            raise
        raise OperatorError(f"there is no backfill {name!r}: `backfill status` shows the latest") from error
    counts: dict[str, int] = {}
    for run in stack.states.list_map_runs(executionArn=told["executionArn"])["mapRuns"]:
        counts = stack.states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
    cause = ": ".join(told[part] for part in ("error", "cause") if told.get(part))
    return BackfillRun(name, told["status"], json.loads(told["input"]), counts, cause or None)


def _where(run: BackfillRun) -> str:
    return str(run.wanted.get("inventory") or run.wanted.get("prefix"))


def _entries(stack: Stack, name: str) -> Iterator[Entry]:
    """What became of each object, in the order in which batches are listed."""
    for child in _children(stack, name, "SUCCEEDED"):
        yield from (Entry.model_validate(entry) for entry in json.loads(child["Output"]))


def _unfinished(stack: Stack, name: str) -> Iterator[dict[str, Any]]:
    for group in ("FAILED", "PENDING"):
        for child in _children(stack, name, group):
            why = f"failed: {first_line(child['Cause'])}" if child.get("Cause") else f"is {child['Status'].lower()}"
            keys = [item["key"] for item in json.loads(child["Input"])["Items"]]
            yield {"objects": len(keys), "keys": keys, "why": why}


def _children(stack: Stack, name: str, group: str) -> Iterator[dict[str, Any]]:
    """The batches of one kind, from Step Functions' result files (guide: ResultWriter)."""
    for key in _manifests(stack, name):
        held = stack.read(stack.transcript_bucket, key)
        files = json.loads(held.body)["ResultFiles"].get(group, []) if held else []
        for file in files:
            body = stack.s3.get_object(Bucket=stack.transcript_bucket, Key=file["Key"])["Body"]
            with closing(body):
                yield from elements(codecs.iterdecode(body.iter_chunks(_CHUNK_BYTES), "utf-8"))


def _manifests(stack: Stack, name: str) -> list[str]:
    pages = stack.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.transcript_bucket, Prefix=f"backfill/{name}/"
    )
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return [key for key in keys if key.endswith("/manifest.json")]
