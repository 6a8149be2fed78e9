"""The tables of the documentation that say what the code does: written from the code, and checked against it.

`python -m tools.tables` rewrites them in place, between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from asrcore.core.job import DEADLINE_S, LIFE_CYCLE, MAX_RESTARTS, RESTART_WAIT_S
from asrcore.core.levels import metadata_name
from asrcore.core.options import ALLOWED, Options
from asrcore.core.polling import CALLBACK_DEADLINE_S, RESULT_DEADLINE_S, SHORTEST_PATIENCE_S
from asrcore.core.step import GRACE_S
from asrcore.core.vendor import Completion, Vendor
from asrcore.vendors.registry import VENDORS

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "docs/options.md", ROOT / "docs/reliability.md")
_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_COMPLETION = {
    frozenset({Completion.SYNC}): "at once",
    frozenset({Completion.CALLBACK}): "callback",
    frozenset({Completion.QUERY}): "query",
    frozenset({Completion.CALLBACK, Completion.QUERY}): "callback, query as safety net",
}


def vendor_table() -> str:
    """A row per vendor: what it takes, how it answers, what it gives."""
    header = (
        "vendor",
        "generation",
        "answers",
        "up to",
        "size",
        "formats",
        "sample rates",
        "channels",
        "languages",
        "gives",
    )
    return _table(header, (_vendor_row(vendor) for vendor in VENDORS.values()))


def option_table() -> str:
    """A row per canonical option, a column per vendor."""
    rows = (
        (
            f"`{metadata_name(name)}`",
            Options.model_fields[name].description or "",
            *("yes" if name in vendor.honours or name == "language" else "–" for vendor in VENDORS.values()),
        )
        for name in ALLOWED
    )
    return _table(("metadata", "meaning", *VENDORS), rows)


def value_table() -> str:
    """A row per canonical option, with its values."""
    rows = (
        (f"`{name}`", f"`{metadata_name(name)}`", Options.model_fields[name].description or "", allowed)
        for name, allowed in ALLOWED.items()
    )
    return _table(("in JSON", "in metadata", "meaning", "allowed"), rows)


def own_tables() -> str:
    """A table per vendor, of what may be set under its own name."""
    return "\n".join(_own_table(vendor) for vendor in VENDORS.values() if vendor.parameters)


def parameter_table() -> str:
    """A row per stack parameter."""
    template = yaml.load((ROOT / "template.yaml").read_text(), _Tolerant)  # noqa: S506  # nosec B506 - a SafeLoader
    parameters: Mapping[str, Mapping[str, Any]] = template["Parameters"]
    rows = (
        (f"`{name}`", f"`{each['Default']}`" if each["Default"] != "" else "–", each["Description"])
        for name, each in parameters.items()
    )
    return _table(("parameter", "default", "meaning"), rows)


def life_cycle() -> str:
    """The moves of a job as a diagram, and each with who makes it."""
    labels: dict[tuple[str, str], list[str]] = {}
    for name, move in LIFE_CYCLE.items():
        stays = move.sources == move.targets
        for source in sorted(move.sources):
            for target in [source] if stays else sorted(move.targets):
                labels.setdefault((source, target), []).append(name)
    arrows = (f"    {source} --> {target}: {', '.join(names)}\n" for (source, target), names in labels.items())
    diagram = f"```mermaid\nstateDiagram-v2\n    [*] --> QUEUED\n{''.join(arrows)}```\n"
    rows = (
        (f"`{name}`", ", ".join(f"`{module}`" for module in move.by), move.meaning) for name, move in LIFE_CYCLE.items()
    )
    return f"{diagram}\n{_table(('move', 'made by', 'meaning'), rows)}"


def recovery_table() -> str:
    """A row per mishap: who notices, and when at the latest."""
    template = yaml.load((ROOT / "template.yaml").read_text(), _Tolerant)  # noqa: S506  # nosec B506 - a SafeLoader
    sweep = template["Resources"]["SweepFunction"]["Properties"]["Events"]["Sweep"]["Properties"]["Schedule"]
    every_s = 60 * int(sweep.removeprefix("rate(").split()[0])
    swept = f"{_span(GRACE_S + every_s)} after the job's next step was due"
    restarts = ", ".join(_span(RESTART_WAIT_S * 4**number) for number in range(MAX_RESTARTS))
    rows = (
        ("a process dies on an S3 event", "AWS Lambda, which delivers it again", "1 min, then 2 min; then the queue"),
        ("the same, and the queue has the event, but the job has a row", "the sweep", swept),
        ("a process dies in a step of the state machine", "its `Retry`", "2 s, doubling up to 1 min, with jitter"),
        ("a step fails again and again", f"its `Catch`, {MAX_RESTARTS} times, then the job fails", restarts),
        (
            "a callback is lost, the vendor can be asked",
            "the state machine asks",
            f"{_span(SHORTEST_PATIENCE_S)} after submission, or a tenth of the recording's length",
        ),
        (
            "a callback is lost, the vendor cannot be asked",
            "the attempt ends, the next one follows",
            f"{_span(CALLBACK_DEADLINE_S)} after submission",
        ),
        (
            "a result never comes",
            "the attempt ends, the next one follows",
            f"{_span(RESULT_DEADLINE_S)} after submission",
        ),
        (
            "a task token is lost",
            "the task's own time limit; the job itself does not depend on it",
            "as for a lost callback",
        ),
        ("an execution fails or times out", "the rule on execution status", "seconds; if the news is lost, the sweep"),
        ("an execution is deleted, or was never started", "the sweep", swept),
        ("nobody was told of an end", "the sweep", f"{_span(GRACE_S + every_s)} after the end"),
        (
            "nothing of the above helped",
            "the job fails and says why: no other attempt is begun",
            f"{_span(DEADLINE_S)} after its turn",
        ),
    )
    return _table(("mishap", "who notices", "when at the latest"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "vendors": vendor_table,
    "options": option_table,
    "values": value_table,
    "own": own_tables,
    "parameters": parameter_table,
    "lifecycle": life_cycle,
    "recovery": recovery_table,
}


def rewritten(text: str) -> str:
    """A document with its tables as the code has them now. Raises KeyError for a table that nobody writes."""
    return _MARKED.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}{match[3]}", text)


def _vendor_row(vendor: Vendor) -> tuple[str, ...]:
    limits = vendor.limits
    gives = [name for name in ("words", "speakers") if name in vendor.honours]
    return (
        f"`{vendor.name}`",
        vendor.generation,
        _COMPLETION[vendor.completes_by],
        _length(limits.max_duration_ms),
        _size(limits.max_size_bytes) if limits.max_size_bytes else "–",
        ", ".join(sorted(limits.formats)),
        ", ".join(f"{rate / 1000:g}k" for rate in sorted(limits.sample_rates_hz)) or "any",
        " or ".join(str(count) for count in sorted(limits.channels)),
        ", ".join(sorted(limits.languages)),
        ", ".join(["sentences" if Completion.SYNC not in vendor.completes_by else "one sentence", *gives]),
    )


def _own_table(vendor: Vendor) -> str:
    rows = (
        (f"`{name}`", f"`{metadata_name(vendor.name, name)}`", each.meaning, each.allowed)
        for name, each in vendor.parameters.items()
    )
    return f"### {vendor.name}\n\n{_table(('in JSON', 'in metadata', 'meaning', 'allowed'), rows)}"


def _span(seconds: float) -> str:
    """A time in the largest units that leave no rest: `3 h 15 min`."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, whole = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (whole, "s"))
    return " ".join(f"{value} {unit}" for value, unit in parts if value)


def _length(milliseconds: int) -> str:
    seconds = round(milliseconds / 1000)
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds} s"


def _size(size_bytes: int) -> str:
    return f"{round(size_bytes / 1_000_000)} MB"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = tuple(header)
    lines = [header, tuple("---" for _ in header), *rows]
    # A bar within a cell would end it.
    cells = (tuple(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


class _Tolerant(yaml.SafeLoader):
    """Reads CloudFormation's short forms as nothing: the tables need none of them."""


_Tolerant.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def main() -> int:
    """Rewrite every document."""
    for document in DOCUMENTS:
        document.write_text(rewritten(document.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
