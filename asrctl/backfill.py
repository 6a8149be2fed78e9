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
from asrcore.messages import Message, Param
from asrctl.formatting import first_line, format_size, quote_name
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
_HEADER = (
    Message("cli.column.backfill"),
    Message("cli.column.status"),
    Message("cli.column.objects"),
    Message("cli.column.pending"),
    Message("cli.column.running"),
    Message("cli.column.succeeded"),
    Message("cli.column.failed"),
    Message("cli.column.aborted"),
    Message("cli.column.scope"),
)
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
        raise OperatorError(Message("cli.backfill.prefix", {"incoming": INCOMING, "prefix": repr(prefix)}))
    return BackfillRequest(prefix=prefix, concurrency=concurrency)


def start(
    stack: DeployedStack, progress: ProgressReporter, request: BackfillRequest, now: datetime, *, dry_run: bool
) -> CommandResult[BackfillStartShape]:
    """Start a backfill, or with `dry_run` show what it would go through."""
    if dry_run:
        return _preview(stack, progress, request)
    name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    stack.states.start_execution(stateMachineArn=stack.backfill_arn, name=name, input=json.dumps(request.to_input()))
    lines: list[Line] = [Message("cli.backfill.started", {"run": name})]
    return CommandResult(BackfillStartShape(run=name, **dict(request), dry_run=False), lines)


def status(stack: DeployedStack, name: str | None) -> CommandResult[BackfillStatusShape]:
    """Show the progress of a backfill; without a name, of the latest ones."""
    names = [name] if name else _latest(stack)
    runs = [_describe(stack, each) for each in names]
    counts = ("total", "pending", "running", "succeeded", "failed", "aborted")
    rows = [(run.run, run.status, *(str(run.objects.get(each, 0)) for each in counts), _scope(run)) for run in runs]
    lines: list[Line] = [TextTable(_HEADER, rows)]
    lines += [
        Message("cli.backfill.cause", {"run": run.run, "cause": first_line(run.cause)}) for run in runs if run.cause
    ]
    return CommandResult(BackfillStatusShape(runs=runs), lines if runs else [Message("cli.backfill.none")])


def report(stack: DeployedStack, progress: ProgressReporter, name: str) -> CommandResult[BackfillReportShape]:
    """Report the outcome of every object, from the manifest of a backfill.

    Returns:
        Not `ok` when a batch did not finish.

    Raises:
        OperatorError: there is no such backfill, or it has not ended.
    """
    run = _describe(stack, name)
    if not run.has_ended:
        raise OperatorError(Message("cli.backfill.no_manifest_yet", {"run": name, "status": run.status}))
    outcomes: Counter[BackfillOutcome] = Counter()
    listed: dict[BackfillOutcome, list[ManifestEntry]] = {BackfillOutcome.FAILED: [], BackfillOutcome.ARCHIVED: []}
    for entry in progress.track("cli.progress.objects_read", _entries(stack, name)):
        outcomes[entry.outcome] += 1
        if entry.outcome in listed:
            listed[entry.outcome].append(entry)
    failed, archived = listed[BackfillOutcome.FAILED], listed[BackfillOutcome.ARCHIVED]
    batches = list(_unfinished(stack, name))
    unfinished = [batch for batch, _ in batches]
    lines: list[Line] = [
        TextTable(
            (Message("cli.column.outcome"), Message("cli.column.objects")),
            [(outcome, str(outcomes[outcome])) for outcome in BackfillOutcome],
        ),
        Message("cli.backfill.unfinished", {"count": sum(batch.objects for batch in unfinished)}),
        *_reasons(failed),
        *(Message("cli.backfill.more_failures", {"count": len(failed) - _SHOWN}) for _ in failed[_SHOWN : _SHOWN + 1]),
        *_reasons(archived),
        *(
            Message("cli.backfill.more_archived", {"count": len(archived) - _SHOWN})
            for _ in archived[_SHOWN : _SHOWN + 1]
        ),
        *(Message("cli.backfill.batch", {"count": batch.objects, "why": why}) for batch, why in batches[:_SHOWN]),
    ]
    if unfinished:
        lines.append(Message("cli.backfill.how_to_resume", {"run": name}))
    if archived:
        lines.append(Message("cli.backfill.how_to_restore", {"run": name}))
    data = BackfillReportShape(
        **dict(run),
        outcomes={outcome: outcomes[outcome] for outcome in BackfillOutcome},
        failures=failed,
        archived=archived,
        unfinished=unfinished,
    )
    return CommandResult(data, lines, ok=not unfinished)


def _reasons(entries: list[ManifestEntry]) -> list[Message]:
    """Return a line for each of the first entries that says why it has this outcome."""
    return [
        Message("cli.backfill.failure", {"key": quote_name(entry.key), "why": str(entry.why)})
        for entry in entries[:_SHOWN]
    ]


def stop(stack: DeployedStack, name: str) -> CommandResult[BackfillStopShape]:
    """Stop a backfill. The jobs that it has started continue. Raises OperatorError for one that has ended."""
    run = _describe(stack, name)
    if run.has_ended:
        raise OperatorError(Message("cli.backfill.has_ended", {"run": name, "status": run.status}))
    stack.states.stop_execution(executionArn=_arn(stack, name), cause="an operator stopped it")
    return CommandResult(BackfillStopShape(run=name), [Message("cli.backfill.stops", {"run": name})])


def resume(
    stack: DeployedStack, progress: ProgressReporter, name: str, now: datetime, *, dry_run: bool
) -> CommandResult[BackfillStartShape]:
    """Go through the same in a new run, which skips what has a job. Raises OperatorError while the first one runs."""
    run = _describe(stack, name)
    if not run.has_ended:
        raise OperatorError(Message("cli.backfill.has_not_ended", {"run": name, "status": run.status}))
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
        return CommandResult(
            data, [Message("cli.backfill.would_read_inventory", {"inventory": quote_name(asked.inventory)})]
        )
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.audio_bucket, Prefix=asked.prefix or "")
    objects = (each for page in pages for each in page.get("Contents", []))
    listed = progress.track("cli.progress.objects_listed", objects)
    sizes = [each["Size"] for each in listed if skip_reason(each["Key"], each["Size"]) is None]
    found: dict[str, Param] = {
        "count": len(sizes),
        "size": format_size(sum(sizes)),
        "prefix": quote_name(str(asked.prefix)),
    }
    data = data.model_copy(update={"recordings": len(sizes), "size_bytes": sum(sizes)})
    return CommandResult(data, [Message("cli.backfill.would_read_prefix", found)])


def _inventory_key(address: str, stack: DeployedStack) -> str:
    """Return the manifest's key. Raises OperatorError for one that the state machine may not or cannot read."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or bucket != stack.audio_bucket or not key.startswith(INVENTORIES):
        place = f"s3://{stack.audio_bucket}/{INVENTORIES}"
        raise OperatorError(Message("cli.backfill.inventory_place", {"place": place, "address": repr(address)}))
    held = stack.read(bucket, key)
    if held is None:
        raise OperatorError(Message("cli.backfill.no_inventory", {"address": address}))
    try:
        manifest = json.loads(held.body)
        described = manifest["sourceBucket"], manifest["fileFormat"], "Key" in manifest["fileSchema"]
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(Message("cli.backfill.no_inventory_manifest", {"address": address})) from error
    if described != (stack.audio_bucket, "CSV", True):
        raise OperatorError(Message("cli.backfill.inventory_kind", {"address": address, "bucket": stack.audio_bucket}))
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
        raise OperatorError(Message("cli.backfill.unknown", {"run": repr(name)})) from error
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


def _unfinished(stack: DeployedStack, name: str) -> Iterator[tuple[UnfinishedBatch, Message]]:
    """Yield the batches that were not finished, each with the reason."""
    for group in ("FAILED", "PENDING"):
        for child in _children(stack, name, group):
            why = (
                Message("cli.backfill.batch_failed", {"cause": first_line(child["Cause"])})
                if child.get("Cause")
                else Message("cli.backfill.batch_open", {"status": child["Status"]})
            )
            keys = [item["key"] for item in json.loads(child["Input"])["Items"]]
            yield UnfinishedBatch(objects=len(keys), keys=keys, why=str(why)), why


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
