"""The progress of `sam deploy --output json`, a JSON object per line, as a line for each finished resource."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from asrcore.messages import Message

_FINISHED, _FAILED = "_COMPLETE", "_FAILED"


def follow(lines: Iterable[str], write: Callable[[Message | str], None]) -> None:
    """Write what SAM's lines say. A line that is no JSON object is written as it is.

    Args:
        lines: SAM's standard output.
        write: writes one line.
    """
    changing: set[str] = set()  # logical ids
    finished: set[str] = set()
    for line in lines:
        said = _read(line)
        kind, name = said.get("type"), said.get("logical_id", "")
        if not said:
            write(line.rstrip("\n"))
        elif kind == "changeset":
            changing.add(name)
        elif kind == "event" and name in changing:
            _write_event(said, finished, len(changing), write)
        elif kind == "outputs":
            for output in said["stack_outputs"]:
                write(f"{output['key']}: {output['value']}")
        elif said.get("status") == "no_changes":
            write(Message("cli.deploy.no_changes"))


def _read(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _write_event(
    event: dict[str, Any], finished: set[str], number: int, write: Callable[[Message | str], None]
) -> None:
    """Write the end of a resource's change, and the reason of one that failed."""
    status: str = event["status"]
    if not status.endswith((_FINISHED, _FAILED)):
        return
    finished.add(event["logical_id"])
    about = {"finished": len(finished), "number": number, "name": event["logical_id"], "status": status}
    if status.endswith(_FAILED):
        write(Message("cli.deploy.resource_failed", {**about, "reason": event["reason"]}))
    else:
        write(Message("cli.deploy.resource", about))
