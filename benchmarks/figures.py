"""What the measurements say: every figure, beside the limit or the peer that it is held against, if any."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks import cold_start, command_line, conversion, polling, recognition, size
from benchmarks.artefact import FUNCTIONS
from benchmarks.table import Figure

MEGA = 1_000_000

# Limits, each with its reason.
START = 1.45  # our modules and models add a third to their imports; a ratio of CPU differs by a tenth between runs
READY = 1.35  # the same, with the clients of AWS on both sides: they add a quarter
QUERY_MS = 5.0  # a query is made ten times a job: a twentieth of a second of CPU
LAYER_BYTES = 12 * MEGA  # a quarter of the 50 MB that AWS Lambda accepts
PROBE_BYTES = MEGA  # of a recording of any length
CPU_S_AN_HOUR = 0.4  # two seconds for five hours: too little to notice beside the turnaround
MEMORY_MIB = 256.0  # a quarter of what a function has
CONVERSION_S = 900.0  # that AWS Lambda gives
PAGE_MS = 2000.0  # after which readers leave a page
ROWS_MS = 1000.0
TASK_MS = 50.0  # a browser reports longer ones, which readers notice
FRAME_MS = 34.0  # two frames of a screen
QUERIES = 100  # what abcpen answers for one task
LATE = 0.08  # of the turnaround
USD_FOR_1000 = 0.70
OFF_MS = 50.0  # a transcript's times are true to this


def of_short(found: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield the figures of what `make bench` measures."""
    yield from _starts(found["cold_start"])
    for case, cpu_s in found["command_line"].items():
        limit_s = command_line.LIMIT_S
        yield Figure(f"asrctl: start to {case}, CPU", f"{limit_s * 1000:g} ms", cpu_s / limit_s, aim=1.0)
    yield from _warm(found["warm"])
    yield from _size(found["size"], size.SHORT_MINUTES)
    most, kind = max((read_bytes, kind) for kind, read_bytes in found["size"]["probe"].items())
    yield Figure(f"probing 600 MB reads ({kind})", f"{PROBE_BYTES / MEGA:g} MB", most / PROBE_BYTES, aim=1.0)
    yield from _conversion(found["conversion"])
    yield from _jobs_page(found["jobs_page"])
    yield from _polling(found["polling"])
    yield from _burst(found["burst"])
    for vendor, taken in found["callbacks"].items():
        yield Figure(f"local stack, {vendor}: callback to execution's end", "", taken["ended_s"], "s")
    yield from _economy(found["economy"])
    yield from _recognition(recognition.rows(found["recognition"]))


def of_long(found: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield the figures of what `make bench-all` measures besides."""
    yield from _size(found["size"], size.LONG_MINUTES)
    yield from _conversion(found["conversion"])
    yield from _viewer(found["viewer"])
    yield from _burst(found["burst"])
    together = found["together"]
    yield Figure(f"local stack, {together['recordings']} at once: recordings a minute", "", together["a_minute"], "")
    yield from _recognition(recognition.long_rows(found["recognition"]))


def _starts(found: Mapping[str, Any]) -> Iterator[Figure]:
    cpu_s = found["starts_cpu_s"]
    start = {f"{name}: start": cpu_s[name] / cpu_s[f"{name}, its imports alone"] for name in FUNCTIONS}
    yield from _greatest_first(start, "the same imports without our code", START)
    usual = {f"{name}: {cold_start.READY}": f"{name}, {cold_start.READY}" for name in FUNCTIONS}
    ready = {what: cpu_s[each] / cpu_s[f"{each}, its imports and clients alone"] for what, each in usual.items()}
    yield from _greatest_first(ready, "the same imports and clients", READY)
    yield Figure("layer, zipped", f"{LAYER_BYTES / MEGA:g} MB", found["layer_bytes"]["zipped"] / LAYER_BYTES, aim=1.0)
    floor_s = cpu_s["boto3 and the stack's clients"]
    for name in FUNCTIONS:
        yield Figure(f"{name}: start", "boto3 and the stack's clients", cpu_s[name] / floor_s)
        yield Figure(f"{name}: start", "these and Tencent's SDK, compiled", cpu_s[name] / cpu_s["vendor's SDK"])
        built_s = cpu_s["vendor's SDK, sources only"]
        yield Figure(f"{name}: start", "these and Tencent's SDK, as built", cpu_s[name] / built_s)
        yield Figure(f"{name}: start, CPU", "", 1000 * cpu_s[name], "ms")
    uncompiled = cold_start.UNCOMPILED
    sources_s = cpu_s[f"{uncompiled}, sources only"]
    yield Figure(f"{uncompiled}: start if the layer were not compiled", "as it is", sources_s / cpu_s[uncompiled])
    trimmed_s = cpu_s["boto3 and the stack's clients, botocore trimmed to our services"]
    yield Figure("boto3 and clients, botocore trimmed to our services", "Lambda's own", trimmed_s / floor_s)
    yield Figure("layer, unzipped", "", found["layer_bytes"]["unzipped"] / MEGA, "MB")


def _greatest_first(ratios: Mapping[str, float], against: str, aim: float) -> Iterator[Figure]:
    """Yield the greatest of some ratios to the same peer, which has the aim; then the others, as information."""
    for number, what in enumerate(sorted(ratios, key=ratios.__getitem__, reverse=True)):
        yield Figure(what, against, ratios[what], aim=None if number else aim)


def _warm(found: Mapping[str, Any]) -> Iterator[Figure]:
    for name, case in found["exchanges"].items():
        yield Figure(f"{name}: CPU", "Tencent's SDK", case["ours_ms"] / case["sdk_ms"], aim=1.2)
    slowest = max((steps["query_ms"], vendor) for vendor, steps in found["steps"].items() if "query_ms" in steps)
    yield Figure(f"CPU of a query without result ({slowest[1]})", f"{QUERY_MS:g} ms", slowest[0] / QUERY_MS, aim=1.0)
    for vendor, steps in found["steps"].items():
        for name, spent_ms in steps.items():
            yield Figure(f"{vendor}: CPU, {name.removesuffix('_ms').replace('_', ' ')}", "", spent_ms, "ms")


def _conversion(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[Figure]:
    cases = [(kind, int(minutes), case) for kind, lengths in found.items() for minutes, case in lengths.items()]
    spent, what = max((case["cpu_s"], f"{minutes} min of {kind}") for kind, minutes, case in cases)
    yield Figure(f"converting {what}: CPU", f"{CONVERSION_S:g} s", spent / CONVERSION_S, aim=1.0)
    peak, what = max((case["peak_mib"], f"{minutes} min of {kind}") for kind, minutes, case in cases)
    yield Figure(f"converting {what}: peak of memory", f"{MEMORY_MIB:g} MiB", peak / MEMORY_MIB, aim=1.0)
    audio = [(case["read_for_each_byte"], f"{minutes} min of {kind}") for kind, minutes, case in cases if kind != "mp4"]
    yield Figure(f"converting {max(audio)[1]}: bytes read", "the recording's", max(audio)[0], aim=1.05)
    off_ms, what = max(
        (case["last_tone_off_ms"], f"{minutes} min of {kind}")
        for kind, minutes, case in cases
        if kind in conversion.STEPS_S
    )
    yield Figure(f"converting {what}: last tone off", f"{OFF_MS:g} ms", off_ms / OFF_MS, aim=1.0)
    an_hour_s, kind = max((60 * case["cpu_s"] / minutes, kind) for kind, minutes, case in cases)
    share = conversion.share_of_the_vendors_bill(an_hour_s)
    yield Figure(f"converting an hour of {kind}: AWS", "1 % of the cheapest vendor's price", 100 * share, aim=1.0)
    for kind, minutes, case in cases:
        yield Figure(f"converting {minutes} min of {kind}: CPU", "", case["cpu_s"], "s")
        yield Figure(f"converting {minutes} min of {kind}: peak of memory", "", case["peak_mib"], "MiB")


def _size(found: Mapping[str, Any], minutes: Sequence[int]) -> Iterator[Figure]:
    shortest, longest = (str(each) for each in (minutes[0], minutes[-1]))
    hours = round(minutes[-1] / 60)
    words, limit_s, replies = f"{hours} h of words", CPU_S_AN_HOUR * hours, found["replies"]
    spent, vendor = max((cases[longest]["cpu_s"], vendor) for vendor, cases in replies.items())
    yield Figure(f"{words}, read to stored: CPU ({vendor})", f"{limit_s:g} s", spent / limit_s, aim=1.0)
    peak, vendor = max((cases[longest]["peak_mib"], vendor) for vendor, cases in replies.items())
    yield Figure(f"{words}, peak of memory ({vendor})", f"{MEMORY_MIB:g} MiB", peak / MEMORY_MIB, aim=1.0)
    growth, vendor = max((_growth(cases, shortest, longest, "cpu_s"), vendor) for vendor, cases in replies.items())
    yield Figure(f"{words}, CPU a word ({vendor})", f"{minutes[0]} min of words", growth, aim=1.2)
    for vendor, cases in replies.items():
        yield Figure(f"{words}, read to stored: CPU ({vendor})", "", cases[longest]["cpu_s"], "s")
        growth = _growth(cases, shortest, longest, "read_s")
        yield Figure(f"{words}, CPU a word, reading alone ({vendor})", f"{minutes[0]} min of words", growth)


def _growth(cases: Mapping[str, Mapping[str, float]], shortest: str, longest: str, what: str) -> float:
    """Return what a word takes in a long text, over what it takes in a short one."""
    shorter, longer = cases[shortest], cases[longest]
    return (longer[what] / longer["words"]) / (shorter[what] / shorter["words"])


def _jobs_page(found: Mapping[str, float]) -> Iterator[Figure]:
    words = f"jobs page, {found['jobs']:,} jobs"
    yield Figure(f"{words}: first rows", f"{ROWS_MS / 1000:g} s", found["first_rows_ms"] / ROWS_MS, aim=1.0)
    longest = found["longest_task_ms"] / TASK_MS
    yield Figure(f"{words}: longest task while scrolling", f"{TASK_MS:g} ms", longest, aim=1.0)


def _viewer(found: Mapping[str, float]) -> Iterator[Figure]:
    page = f"{PAGE_MS / 1000:g} s"
    yield Figure("viewer, 5 h of words: first words shown", page, found["first_words_ms"] / PAGE_MS, aim=1.0)
    yield Figure("viewer, 5 h of words: page loaded", page, found["load_ms"] / PAGE_MS, aim=1.0)
    frames = found["flick_p95_ms"] / FRAME_MS
    yield Figure("viewer, 5 h of words: 95 % of frames, flicking", f"{FRAME_MS:g} ms", frames, aim=1.0)
    yield Figure("viewer, 5 h of words: 95 % of frames, dragging", "", found["drag_p95_ms"], "ms")
    yield Figure(f"viewer, 5 h of words: search, {found['hits']} hits", "", found["search_ms"], "ms")


def _polling(found: Mapping[str, Mapping[str, float]]) -> Iterator[Figure]:
    ours, best = found["asrcore"], found["best possible, as late"]
    yield Figure("queries a job, no history", "the best schedule, as late", ours["queries"] / best["queries"], aim=1.1)
    known = found[polling.learned_from(polling.LEARNED_FROM[-1])]
    informed = found["best possible for a known vendor, as late"]
    ratio = known["queries"] / informed["queries"]
    yield Figure("queries a job, with history", "the best that knows the vendor, as late", ratio, aim=1.2)
    for name, outcome in (("no history", ours), ("with history", known)):
        yield Figure(f"added latency, {name}", f"{LATE:.0%} of the turnaround", outcome["late"] / LATE, aim=1.0)
    most = max(ours["most_queries"], known["most_queries"]) / QUERIES
    yield Figure("most queries of any job", f"{QUERIES}, which abcpen answers", most, aim=1.0)
    yield Figure("jobs given up", "all jobs", max(ours["given_up"], known["given_up"]), aim=0.0)
    for name, outcome in found.items():
        yield Figure(f"schedule, {name}: queries a job", "", outcome["queries"], "")
        yield Figure(f"schedule, {name}: added latency", "", 100 * outcome["late"], "%")


def _burst(found: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    times = {
        f"{run['recordings']} recordings at once{', queries counted' if run['counts_queries'] else ''}: time": run[
            "over_limit"
        ]
        for run in found
    }
    yield from _greatest_first(times, "the vendor's rate", 1.1)
    refused = sum(run["refusals"] for run in found) / sum(run["recordings"] for run in found)
    yield Figure("recordings refused by the vendor", "all that were dropped at once", refused, aim=0.0)
    for run in found:
        yield Figure(f"{run['recordings']} recordings at once: writes a job", "", run["writes_per_job"], "")


def _recognition(rows: Iterable[recognition.Row]) -> Iterator[Figure]:
    for what, value, unit, most in rows:
        if most is None:
            yield Figure(what, "", value, unit)
        else:
            yield Figure(what, f"{most:g} {unit}", value / most, aim=1.0)


def _economy(found: Mapping[str, Any]) -> Iterator[Figure]:
    for name, key in (("no history", "mean_usd"), ("with history", "mean_usd_learned")):
        yield Figure(f"AWS for 1,000 jobs, {name}", f"{USD_FOR_1000:.2f} USD", found[key] / USD_FOR_1000, aim=1.0)
    cells = {f"{vendor}, {length}": cell for vendor, of in found["vendors"].items() for length, cell in of.items()}
    ratios = {name: cell["usd"] / cell["usd_demo_3_s"] for name, cell in cells.items() if "usd_demo_3_s" in cell}
    dearest = max(ratios, key=ratios.__getitem__)
    yield Figure(f"AWS for a job, the dearest ({dearest})", "the demo's loop of 3 s", ratios[dearest], aim=1.0)
    shares = found["share_of_the_vendors_bill"]
    largest = max(shares, key=shares.__getitem__)
    yield Figure(
        f"AWS for an hour, the largest ({largest})", "1 % of the vendor's bill", 100 * shares[largest], aim=1.0
    )
    yield Figure("AWS for 1,000 jobs, no history, in China", "", found["mean_cny_in_china"], "CNY")
    for name, cell in cells.items():
        for key, unit in (("transitions", ""), ("invocations", ""), ("requests", ""), ("usd", "USD")):
            what = "AWS for 1,000 jobs" if key == "usd" else f"{key} a job"
            yield Figure(f"{name}: {what}", "", cell[key], unit)
