"""The tables of the documentation that say what the code does: written from the code, and checked against it.

`python -m tools.tables` rewrites them between `<!-- table: NAME -->` and `<!-- end -->`, in the language of each page.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from asrcore.api.problems import KINDS, TRY_AGAIN
from asrcore.core.backoff import MAX_RESTARTS, restart_wait_s
from asrcore.core.cost import estimate
from asrcore.core.job import DEADLINE_S, LIFE_CYCLE
from asrcore.core.option_sources import metadata_name
from asrcore.core.options import ALLOWED, Options
from asrcore.core.polling import CALLBACK_DEADLINE_S, RESULT_DEADLINE_S, SHORTEST_PATIENCE_S
from asrcore.core.prices import AWS_PRICES, REFERENCE, UNITS, VENDOR_PRICES, AwsPrices, Rates, VendorPrice, aws_prices
from asrcore.core.step import GRACE_S, THROTTLED_GRACE_S
from asrcore.core.vendor import Completion, Vendor
from asrcore.messages import Message, render
from asrcore.vendors.registry import LONG_CALLS, VENDORS
from tools import performance
from tools.markdown import table as _table
from tools.rights import resources, rights
from tools.schemas import tuning_schema
from tools.translation import ENGLISH, Translation

ROOT = Path(__file__).parents[1]
_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
CHINESE: Final = "zh-CN"
DOCUMENTS = tuple(
    page
    for page in (*ROOT.glob("README*.md"), *sorted((ROOT / "docs").rglob("*.md")))
    if _MARKED.search(page.read_text())
)
_RESULT_BY = {
    frozenset({Completion.SYNC}): "response",
    frozenset({Completion.CALLBACK}): "callback",
    frozenset({Completion.QUERY}): "query",
    frozenset({Completion.CALLBACK, Completion.QUERY}): "callback, else query",
}
_LANGUAGES = {
    "ar-SA": "Arabic",
    "bn-BD": "Bengali",
    "de-DE": "German",
    "el-GR": "Greek",
    "en-US": "English",
    "es-ES": "Spanish (Spain)",
    "es-MX": "Spanish (Mexico)",
    "fil-PH": "Filipino",
    "fr-FR": "French",
    "hi-IN": "Hindi",
    "id-ID": "Indonesian",
    "it-IT": "Italian",
    "ja-JP": "Japanese",
    "ko-KR": "Korean",
    "ms-MY": "Malay",
    "ne-NP": "Nepali",
    "nl-NL": "Dutch",
    "pl-PL": "Polish",
    "pt-BR": "Portuguese (Brazil)",
    "ro-RO": "Romanian",
    "ru-RU": "Russian",
    "sv-SE": "Swedish",
    "th-TH": "Thai",
    "tr-TR": "Turkish",
    "uk-UA": "Ukrainian",
    "vi-VN": "Vietnamese",
    "wuu-CN": "Wu (Shanghai)",
    "yue-CN": "Cantonese",
    "zh-CN": "Mandarin",
    "zh-Sichuan": "Sichuanese Mandarin",
}
# Decides which vendors fit; applied by the conversion; applied before a vendor is chosen.
_ALWAYS = frozenset({"language", "audio_track", "again"})


def cost_summary() -> str:
    """Return a row per current vendor: its price, and AWS's charge for the requests of a thousand jobs."""
    rates = _reference_rates()
    aws = performance.usd_per_thousand_jobs("1 min")
    rows = (
        (
            f"`{name}`",
            _vendors_part(name, 3_600_000, rates) if _accepts(vendor, 3_600_000) else "–",
            _vendors_part(name, 60_000, rates, jobs=1000),
            f"{aws[name]:.2f} USD",
            f"{re.split(' [(]|; ', price.source)[0]}, {price.date}",
        )
        for name, vendor in VENDORS.items()
        if vendor.generation == "current" and (price := rates.vendor(name))
    )
    return _table(("vendor", "1 hour of audio", "1,000 jobs of 1 minute", "AWS for these 1,000 jobs", "source"), rows)


def vendor_summary() -> str:
    """Return a row per vendor: the longest recording, the number of languages, what it returns."""
    rows = (
        (f"`{name}`", _length(vendor.limits.max_duration_ms), str(len(vendor.limits.languages)), _returns(vendor))
        for name, vendor in VENDORS.items()
    )
    return _table(("vendor", "recordings up to", "languages", "returns"), rows)


def limits_table() -> str:
    """Return a row per vendor: what it accepts, how it returns results, what it returns."""
    header = (
        "vendor",
        "generation",
        "result by",
        "duration up to",
        "size up to",
        "formats",
        "sample rates",
        "channels",
        "returns",
    )
    return _table(header, (_limits_row(vendor) for vendor in VENDORS.values()))


def language_table() -> str:
    """Return a row per language, with the vendors that accept it."""
    accepting: dict[str, list[str]] = {}
    for vendor in VENDORS.values():
        for each in vendor.limits.languages:
            accepting.setdefault(each, []).append(f"`{vendor.name}`")
    rows = ((f"`{tag}`", _LANGUAGES[tag], ", ".join(accepting[tag])) for tag in sorted(accepting))
    return _table(("tag", "language", "vendors"), rows)


def support_table() -> str:
    """Return a row per option for all vendors, and whether each vendor supports it."""
    rows = (
        (
            f"`{name}`",
            *("yes" if name in vendor.supported_options or name in _ALWAYS else "–" for vendor in VENDORS.values()),
        )
        for name in ALLOWED
    )
    return _table(("option", *(f"`{name}`" for name in VENDORS)), rows)


def value_table() -> str:
    """A row per canonical option, with its values."""
    rows = (
        (f"`{name}`", f"`{metadata_name(name)}`", Options.model_fields[name].description or "", str(allowed))
        for name, allowed in ALLOWED.items()
    )
    return _table(("in JSON", "in metadata", "meaning", "allowed"), rows)


def own_tables() -> str:
    """A table per vendor, of what may be set under its own name."""
    return "\n".join(_own_table(vendor) for vendor in VENDORS.values() if vendor.parameters)


def parameter_tables() -> str:
    """A table per group of stack parameters, as the console groups them."""
    template = _template()
    return "\n".join(
        f"## {_both(group['Label']['default'])[0]}\n\n{_parameter_table(template['Parameters'], group['Parameters'])}"
        for group in _groups(template)
    )


def tuning_table() -> str:
    """Return a row per field of `VendorTuning` and vendor, with its default and what it may be."""
    rows = (
        (f"`{name}`", f"`{field}`", f"{rules['description']}", f"{rules['default']}", _allowed(rules))
        for name, vendor in tuning_schema()["properties"].items()
        for field, rules in vendor["properties"].items()
    )
    return _table(("vendor", "field", "meaning", "default", "allowed"), rows)


def _allowed(rules: Mapping[str, Any]) -> str:
    if rules["type"] == "string":
        return f"up to {rules['maxLength']} of `A-Z a-z 0-9 _ . : / -`"
    return f"{rules['minimum']} to {rules['maximum']}" if "maximum" in rules else f"{rules['minimum']} or more"


def life_cycle() -> str:
    """The moves of a job: a diagram, and a table with the meaning of each."""
    labels: dict[tuple[str, str], list[str]] = {}
    for name, move in LIFE_CYCLE.items():
        stays = move.sources == move.targets
        for source in sorted(move.sources):
            for target in [source] if stays else sorted(move.targets):
                labels.setdefault((source, target), []).append(name)
    arrows = (f"    {source} --> {target}: {', '.join(names)}\n" for (source, target), names in labels.items())
    diagram = f"```mermaid\nstateDiagram-v2\n    [*] --> QUEUED\n{''.join(arrows)}```\n"
    rows = ((f"`{name}`", move.meaning) for name, move in LIFE_CYCLE.items())
    return f"{diagram}\n{_table(('move', 'meaning'), rows)}"


def recovery_table() -> str:
    """Return a row per failure: what recovers from it, and when at the latest."""
    template = yaml.load((ROOT / "template.yaml").read_text(), _Tolerant)  # noqa: S506  # nosec B506 - a SafeLoader
    sweep = template["Resources"]["SweepFunction"]["Properties"]["Events"]["Sweep"]["Properties"]["Schedule"]
    every_s = 60 * int(sweep.removeprefix("rate(").split()[0])
    swept = f"{_span(GRACE_S + every_s)} after the job's next step was due"
    throttled, failed = json.loads((ROOT / "statemachine/poller.asl.json").read_text())["States"]["Submit"]["Retry"]
    restarts = ", ".join(_span(restart_wait_s(number)) for number in range(1, MAX_RESTARTS + 1))
    rows = (
        (
            "a process crashes on an S3 event",
            "AWS Lambda, which delivers the event again",
            "1 min, then 2 min; then the queue",
        ),
        ("the same, its event is queued, and the job has a row", "the sweep", swept),
        ("a process crashes in a step of the state machine", _retrier(failed), _pauses(failed)),
        (
            "AWS Lambda throttles a step, or fails itself",
            _retrier(throttled),
            _pauses(throttled),
        ),
        ("a step fails repeatedly", f"its `Catch`, {MAX_RESTARTS} times, then the job fails", restarts),
        (
            "a callback is lost, the vendor can be queried",
            "the state machine queries",
            f"{_span(SHORTEST_PATIENCE_S)} after submission, or a tenth of the recording's length",
        ),
        (
            "a callback is lost, the vendor cannot be queried",
            "the attempt ends, the next one follows",
            f"{_span(CALLBACK_DEADLINE_S)} after submission",
        ),
        (
            "the result in a callback cannot be read, the vendor can be queried",
            "the callback's handler; the state machine queries",
            "at once",
        ),
        (
            "the result in a callback cannot be read, the vendor cannot be queried",
            "the callback's handler; the next attempt follows",
            "with the last callback that the vendor sends (Tencent: the second)",
        ),
        (
            "no result arrives",
            "the attempt ends, the next one follows",
            f"{_span(RESULT_DEADLINE_S)} after submission",
        ),
        (
            "a task token is lost",
            "the task's own time limit; the job itself does not depend on it",
            "as for a lost callback",
        ),
        ("an execution fails or times out", "the rule on execution status", "seconds; if its event is lost, the sweep"),
        ("an execution is deleted, or was never started", "the sweep", swept),
        (
            "an execution runs without progress",
            "the sweep",
            f"{_span(THROTTLED_GRACE_S + every_s)} after the job's next step was due",
        ),
        ("the end of a job was not published", "the sweep", f"{_span(GRACE_S + every_s)} after the end"),
        (
            "all of the above failed",
            "the job fails with the reason; no further attempt starts",
            f"{_span(DEADLINE_S)} after its slot",
        ),
    )
    return _table(("failure", "recovered by", "at the latest"), rows)


def price_table() -> str:
    """A row per vendor: what it asks, and what that makes for recordings of three lengths."""
    rates = _reference_rates()
    lengths_ms = {"1 min": 60_000, "1 h": 3_600_000, "5 h": 18_000_000}
    rows = (
        (
            f"`{name}`",
            _vendor_price(price),
            *(
                _vendors_part(name, length_ms, rates) if _accepts(vendor, length_ms) else "–"
                for length_ms in lengths_ms.values()
            ),
            str(price.date),
            price.source,
        )
        for name, vendor in VENDORS.items()
        if (price := rates.vendor(name))
    )
    return _table(("vendor", "price", *lengths_ms, "as of", "source"), rows)


def _reference_rates() -> Rates:
    ways = {name: each.completion_modes for name, each in VENDORS.items()}
    return Rates(VENDOR_PRICES, ways, aws_prices(REFERENCE), REFERENCE, long_calls=LONG_CALLS)


def _accepts(vendor: Vendor, length_ms: int) -> bool:
    return length_ms - 1000 < vendor.limits.max_duration_ms


def _vendor_price(price: VendorPrice) -> str:
    if price.price is None:
        return "?"
    engines = "".join(f"; `{name}` {asked:g}" for name, asked in price.engines.items())
    return f"{price.price:g} {price.currency} for {_UNITS[price.per]}{engines}"


def _vendors_part(vendor: str, length_ms: int, rates: Rates, jobs: int = 1) -> str:
    part = estimate(vendor, length_ms, rates).vendor
    return "?" if part is None else f"{jobs * part.cny:.4g} CNY"


def aws_price_table() -> str:
    """A row per unit that AWS charges, a column per region; below, whose prices these are."""
    held = {REFERENCE: AWS_PRICES[REFERENCE], "cn-northwest-1, cn-north-1": AWS_PRICES["cn-northwest-1"]}
    rows = ((f"`{unit}`", _AWS_UNITS[unit], *(_aws_price(prices, unit) for prices in held.values())) for unit in UNITS)
    sources = "".join(f"- {region}: {prices.source}, {prices.date:%Y-%m}.\n" for region, prices in held.items())
    header = ("in `AwsPrices`", "what", *(f"{region} ({prices.currency})" for region, prices in held.items()))
    return f"""{_table(header, rows)}
{sources}- “As in {REFERENCE}”: at the exchange rate; `assumptions` says so. All other regions are priced like that.
"""


def _aws_price(prices: AwsPrices, unit: str) -> str:
    price = getattr(prices, unit)
    return f"as in {REFERENCE}" if price is None else f"{price:.10f}".rstrip("0").rstrip(".")


_UNITS = {"hour": "an hour", "call": "a call"}
_AWS_UNITS = {
    "million_transitions": "Step Functions, a million states entered in a Standard workflow",
    "million_invocations": "Lambda, a million invocations",
    "gb_second": "Lambda, a second at 1 GB, x86",
    "million_table_writes": "DynamoDB on demand, a million write request units",
    "million_table_reads": "DynamoDB on demand, a million read request units",
    "million_s3_puts": "S3, a million PUT requests",
    "million_s3_gets": "S3, a million GET requests",
    "million_api_requests": "API Gateway, a million requests to an HTTP API",
    "million_events": "EventBridge, a million custom events",
    "million_secret_reads": "Secrets Manager, a million reads",
    "gb_logged": "CloudWatch Logs, a GB ingested",
    "gb_sent": "S3, a GB sent to the internet",
}


def problem_table() -> str:
    """Return a row per problem type of the HTTP API."""
    kinds = {kind.name: kind for kind in (*KINDS.values(), TRY_AGAIN)}
    rows = ((str(each.status.value), f"`{each.name}`", str(each.title)) for each in kinds.values())
    return _table(("status", "type, behind `urn:asrcore:problem:`", "title"), sorted(rows))


def rights_text() -> str:
    """Return all permissions that the template grants."""
    return f"```text\n{rights(resources())}```\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "summary": cost_summary,
    "vendorsummary": vendor_summary,
    "limits": limits_table,
    "languages": language_table,
    "support": support_table,
    "values": value_table,
    "own": own_tables,
    "parameters": parameter_tables,
    "tuning": tuning_table,
    "lifecycle": life_cycle,
    "recovery": recovery_table,
    "prices": price_table,
    "awsprices": aws_price_table,
    "problems": problem_table,
    "rights": rights_text,
    "measured": performance.measured,
    "aims": performance.aims,
    "starts": performance.starts,
    "replies": performance.replies,
    "schedules": performance.schedules,
    "callbacks": performance.callbacks,
    "bursts": performance.bursts,
    "conversions": performance.conversions,
    "costs": performance.costs,
}


def language(document: Path) -> str:
    """Return the language of a page."""
    return CHINESE if CHINESE in document.relative_to(ROOT).as_posix() else ENGLISH


def rewritten(document: Path, translation: Translation) -> str:
    """Return a page's text with its tables written anew.

    Raises KeyError for an unknown table, and UntranslatedError for a text without a translation.
    """
    return _MARKED.sub(
        lambda match: f"{match[1]}{translation.markdown(TABLES[match[2]]())}{match[3]}",
        document.read_text(encoding="utf-8"),
    )


def _limits_row(vendor: Vendor) -> tuple[str, ...]:
    limits = vendor.limits
    return (
        f"`{vendor.name}`",
        vendor.generation,
        _RESULT_BY[vendor.completion_modes],
        _length(limits.max_duration_ms),
        _size(limits.max_size_bytes) if limits.max_size_bytes else "–",
        f"`{' '.join(sorted(limits.formats))}`",
        ", ".join(f"{rate / 1000:g} kHz" for rate in sorted(limits.sample_rates_hz)) or "any",
        " or ".join(str(count) for count in sorted(limits.channels)),
        _returns(vendor),
    )


def _returns(vendor: Vendor) -> str:
    parts = [name for name in ("words", "speakers") if name in vendor.supported_options]
    return ", ".join(["one sentence" if vendor.limits.max_duration_ms < 60_000 else "sentences", *parts])


def _own_table(vendor: Vendor) -> str:
    rows = (
        (f"`{name}`", f"`{metadata_name(vendor.name, name)}`", each.meaning, str(each.allowed))
        for name, each in vendor.parameters.items()
    )
    return f"### {vendor.name}\n\n{_table(('in JSON', 'in metadata', 'meaning', 'allowed'), rows)}"


def translation(language: str) -> Translation:
    """Return the texts of a language: of messages, of the template's parameters, and of tables.<language>.toml."""
    template = _template()
    texts = (
        *(each["Description"] for each in template["Parameters"].values()),
        *(group["Label"]["default"] for group in _groups(template)),
    )
    messages = {str(message): render(message, CHINESE) for message in _messages()}
    return Translation(language, {**messages, **dict(map(_both, texts))})


def _messages() -> Iterator[Message]:
    """Yield the messages that are cells of tables: the values of options, and the titles of problems."""
    yield from ALLOWED.values()
    for vendor in VENDORS.values():
        yield from (parameter.allowed for parameter in vendor.parameters.values())
    yield from (kind.title for kind in (*KINDS.values(), TRY_AGAIN))


def _both(text: str) -> tuple[str, str]:
    """Return a text of the template in English and in Chinese."""
    english, _, chinese = text.partition(" | ")
    return english, chinese or english


def _template() -> dict[str, Any]:
    template = yaml.load((ROOT / "template.yaml").read_text(), _Tolerant)  # noqa: S506  # nosec B506 - a SafeLoader
    return dict(template)


def _groups(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"])


def _parameter_table(parameters: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> str:
    chosen = ((name, parameters[name]) for name in names)
    rows = (
        (f"`{name}`", f"`{each['Default']}`" if each["Default"] != "" else "–", _both(each["Description"])[0])
        for name, each in chosen
    )
    return _table(("parameter", "default", "meaning"), rows)


def _retrier(retrier: Mapping[str, Any]) -> str:
    return f"its `Retry`, {retrier['MaxAttempts']} times"


def _pauses(retrier: Mapping[str, Any]) -> str:
    longest_s = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** (retrier["MaxAttempts"] - 1)
    most = _span(min(longest_s, retrier["MaxDelaySeconds"]))
    return f"{_span(retrier['IntervalSeconds'])}, doubling up to {most}, with jitter"


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


class _Tolerant(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads CloudFormation's short forms as nothing: the tables need none of them. In C where PyYAML brings it."""


_Tolerant.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def main() -> int:
    """Rewrite every document that changes: tests that run beside this one read them."""
    for document in DOCUMENTS:
        text = rewritten(document, translation(language(document)))
        if text != document.read_text(encoding="utf-8"):
            document.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
