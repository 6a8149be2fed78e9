"""`backfill`: create jobs for recordings in the audio bucket that have none, in any number.

A state machine of its own does the work; these commands start, inspect and stop it. `reconcile` does the same from the
operator's machine, one recording after the other, and also finds lost transcripts.
"""

import codecs
import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, cast

from botocore.exceptions import ClientError

from asrcore.core.recording_keys import skip_reason
from asrcore.core.routing import INCOMING
from asrcore.events import BackfillOutcome, ManifestEntry
from asrctl.formatting import count, first_line, format_size, quote_name
from asrctl.progress import ProgressReporter
from asrctl.result import CommandResult, Line, OperatorError, TextTable
from asrctl.shapes import (
    BackfillReportShape,
    BackfillRequest,
    BackfillStartShape,
    BackfillState,
    BackfillStatusShape,
    BackfillStopShape,
    UnfinishedBatch,
)
from asrctl.stack import DeployedStack

INVENTORIES = "inventory/"  # where in the audio bucket the state machine may read inventories
_SHOWN = 50
_CHUNK_BYTES = 1 << 20


def read_request(prefix: str | None, inventory: str | None, concurrency: int, stack: DeployedStack) -> BackfillRequest:
    """Return what a backfill goes through.

    Args:
        prefix: of keys; None for all recordings.
        inventory: the address of an inventory's manifest, instead of a prefix.

    Raises:
        OperatorError: the state machine cannot read it.
    """
    if inventory:
        return BackfillRequest(inventory=_inventory_key(inventory, stack), concurrency=concurrency)
    prefix = INCOMING if prefix is None else prefix
    if not prefix.startswith(INCOMING):
        raise OperatorError(f"recordings have keys under {INCOMING}: {prefix!r} does not begin so")
    return BackfillRequest(prefix=prefix, concurrency=concurrency)


def start(
    stack: DeployedStack, progress: ProgressReporter, request: BackfillRequest, now: datetime, *, dry_run: bool
) -> CommandResult[BackfillStartShape]:
    """Start a backfill, or with `dry_run` show what it would go through."""
    if dry_run:
        return _preview(stack, progress, request)
    name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    stack.states.start_execution(stateMachineArn=stack.backfill_arn, name=name, input=json.dumps(request.to_input()))
    lines: list[Line] = [f"backfill {name} is started: `backfill status {name}` shows its progress"]
    return CommandResult(BackfillStartShape(run=name, **dict(request), dry_run=False), lines)


def status(stack: DeployedStack, name: str | None) -> CommandResult[BackfillStatusShape]:
    """Show the progress of a backfill; without a name, of the latest ones."""
    names = [name] if name else _latest(stack)
    runs = [_describe(stack, each) for each in names]
    columns = ("total", "pending", "running", "succeeded", "failed", "aborted")
    rows = [(run.run, run.status, *(str(run.objects.get(each, 0)) for each in columns), _scope(run)) for run in runs]
    lines: list[Line] = [TextTable(("backfill", "state", "objects", *columns[1:], "of"), rows)]
    lines += [f"{run.run}: {first_line(run.cause)}" for run in runs if run.cause]
    return CommandResult(BackfillStatusShape(runs=runs), lines if runs else ["no backfill was started"])


def report(stack: DeployedStack, progress: ProgressReporter, name: str) -> CommandResult[BackfillReportShape]:
    """Report the outcome of every object, from the manifest of a backfill.

    Returns:
        Not `ok` when a batch did not finish.

    Raises:
        OperatorError: there is no such backfill, or it has not ended.
    """
    run = _describe(stack, name)
    if not run.has_ended:
        raise OperatorError(f"backfill {name} is {run.status}: its manifest is written when it has ended")
    outcomes: Counter[BackfillOutcome] = Counter()
    failed: list[ManifestEntry] = []
    for entry in progress.track("objects read", _entries(stack, name)):
        outcomes[entry.outcome] += 1
        if entry.outcome is BackfillOutcome.FAILED:
            failed.append(entry)
    unfinished = list(_unfinished(stack, name))
    lines: list[Line] = [
        TextTable(("outcome", "objects"), [(outcome, str(outcomes[outcome])) for outcome in BackfillOutcome]),
        f"of batches that were not finished: {count(sum(batch.objects for batch in unfinished), 'object')}",
        *(f"{quote_name(entry.key)}: {entry.why}" for entry in failed[:_SHOWN]),
        *(f"and {count(len(failed) - _SHOWN, 'more failure')}: --json shows all" for _ in failed[_SHOWN : _SHOWN + 1]),
        *(f"a batch of {count(batch.objects, 'object')} {batch.why}" for batch in unfinished[:_SHOWN]),
    ]
    if unfinished:
        lines.append(f"`backfill resume {name}` goes through the rest")
    data = BackfillReportShape(
        **dict(run),
        outcomes={outcome: outcomes[outcome] for outcome in BackfillOutcome},
        failures=failed,
        unfinished=unfinished,
    )
    return CommandResult(data, lines, ok=not unfinished)


def stop(stack: DeployedStack, name: str) -> CommandResult[BackfillStopShape]:
    """Stop a backfill. The jobs that it has started continue. Raises OperatorError for one that has ended."""
    run = _describe(stack, name)
    if run.has_ended:
        raise OperatorError(f"backfill {name} has ended: it {run.status}")
    stack.states.stop_execution(executionArn=_arn(stack, name), cause="an operator stopped it")
    return CommandResult(BackfillStopShape(run=name), [f"backfill {name} stops; `backfill resume {name}` continues it"])


def resume(
    stack: DeployedStack, progress: ProgressReporter, name: str, now: datetime, *, dry_run: bool
) -> CommandResult[BackfillStartShape]:
    """Go through the same in a new run, which skips what has a job. Raises OperatorError while the first one runs."""
    run = _describe(stack, name)
    if not run.has_ended:
        raise OperatorError(f"backfill {name} is {run.status}: it can be resumed when it has ended")
    request = BackfillRequest(prefix=run.prefix, inventory=run.inventory, concurrency=run.concurrency)
    return start(stack, progress, request, now, dry_run=dry_run)


def elements(chunks: Iterable[str]) -> Iterator[Any]:
    """Yield the objects of a JSON array of any length, from its text in pieces."""
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


def _preview(
    stack: DeployedStack, progress: ProgressReporter, asked: BackfillRequest
) -> CommandResult[BackfillStartShape]:
    data = BackfillStartShape(run=None, **dict(asked), dry_run=True)
    if asked.inventory:
        return CommandResult(data, [f"would go through the inventory {quote_name(asked.inventory)}"])
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.audio_bucket, Prefix=asked.prefix or "")
    objects = (each for page in pages for each in page.get("Contents", []))
    listed = progress.track("objects listed", objects)
    sizes = [each["Size"] for each in listed if skip_reason(each["Key"], each["Size"]) is None]
    what = f"{count(len(sizes), 'recording')}, {format_size(sum(sizes))}, under {quote_name(str(asked.prefix))}"
    data = data.model_copy(update={"recordings": len(sizes), "size_bytes": sum(sizes)})
    return CommandResult(data, [f"would go through {what}"])


def _inventory_key(address: str, stack: DeployedStack) -> str:
    """Return the manifest's key. Raises OperatorError for one that the state machine may not or cannot read."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or bucket != stack.audio_bucket or not key.startswith(INVENTORIES):
        raise OperatorError(f"an inventory must be in s3://{stack.audio_bucket}/{INVENTORIES}: {address!r} does not")
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


def _arn(stack: DeployedStack, name: str) -> str:
    return f"{stack.backfill_arn.replace(':stateMachine:', ':execution:')}:{name}"


def _latest(stack: DeployedStack) -> list[str]:
    listed = stack.states.list_executions(stateMachineArn=stack.backfill_arn, maxResults=10)
    return [each["name"] for each in listed["executions"]]


def _describe(stack: DeployedStack, name: str) -> BackfillState:
    try:
        execution = stack.states.describe_execution(executionArn=_arn(stack, name))
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ExecutionDoesNotExist", "InvalidArn"}:
            raise
        raise OperatorError(f"there is no backfill {name!r}: `backfill status` shows the latest") from error
    counts: dict[str, int] = {}
    for run in stack.states.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]:
        counts.update(cast("dict[str, int]", stack.states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]))
    cause = ": ".join(execution[part] for part in ("error", "cause") if execution.get(part))
    return BackfillState(
        run=name, status=execution["status"], **json.loads(execution["input"]), objects=counts, cause=cause or None
    )


def _scope(run: BackfillState) -> str:
    return quote_name(str(run.inventory or run.prefix))


def _entries(stack: DeployedStack, name: str) -> Iterator[ManifestEntry]:
    """Yield the outcome of each object, in the order in which batches are listed."""
    for child in _children(stack, name, "SUCCEEDED"):
        yield from (ManifestEntry.model_validate(entry) for entry in json.loads(child["Output"]))


def _unfinished(stack: DeployedStack, name: str) -> Iterator[UnfinishedBatch]:
    for group in ("FAILED", "PENDING"):
        for child in _children(stack, name, group):
            why = f"failed: {first_line(child['Cause'])}" if child.get("Cause") else f"is {child['Status'].lower()}"
            keys = [item["key"] for item in json.loads(child["Input"])["Items"]]
            yield UnfinishedBatch(objects=len(keys), keys=keys, why=why)


def _children(stack: DeployedStack, name: str, group: str) -> Iterator[dict[str, Any]]:
    """Yield the batches of one kind, from Step Functions' result files (guide: ResultWriter)."""
    for key in _manifests(stack, name):
        held = stack.read(stack.transcript_bucket, key)
        files = json.loads(held.body)["ResultFiles"].get(group, []) if held else []
        for file in files:
            body = stack.s3.get_object(Bucket=stack.transcript_bucket, Key=file["Key"])["Body"]
            with closing(body):
                yield from elements(codecs.iterdecode(body.iter_chunks(_CHUNK_BYTES), "utf-8"))


def _manifests(stack: DeployedStack, name: str) -> list[str]:
    pages = stack.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.transcript_bucket, Prefix=f"backfill/{name}/"
    )
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return [key for key in keys if key.endswith("/manifest.json")]
