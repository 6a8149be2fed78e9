"""Times of the jobs page with 10,000 jobs: first rows, and the longest task while all of them are scrolled through.

Runs in the tests' Chromium, without a window and without a graphics processor, against an API on loopback. The time to
the first rows is wall-clock time: shorter on a desktop, longer on a busy machine. A task's time is that of the
processor, so that other processes do not count. Prints JSON; `python -m benchmarks.jobs_page`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from playwright.sync_api import Browser

from benchmarks.environment import found_alone, print_found
from tests.support.chromium import chromium
from tests.support.listed_jobs import ListedJobs, completed

JOBS = 10_000
RUNS = 2
TIMEOUT_S = 300
GIVE_UP_MS = 60_000

# In the page before its own script. A task behind a frame that has found a row runs when it is painted.
_WATCH = """
window.painted = new Promise((done) => {
  const look = () => requestAnimationFrame(() => {
    if (document.querySelector(".chunk tr")) setTimeout(() => done(performance.now())); else look();
  });
  look();
});
"""
# To the end of the list, as fast as it loads; then back to the top. The mark is in the trace.
_MARK = "scrolling"
_SCROLLED = """([count, mark]) => new Promise((done) => {
  const table = document.getElementById("jobs"), speed = 800; // pixels a frame
  const up = () => {
    scrollBy(0, -10 * speed);
    if (scrollY > 0) requestAnimationFrame(up); else setTimeout(done, 100);
  };
  const down = () => {
    scrollBy(0, speed);
    const isAtEnd = table.ariaRowCount === `${count + 1}` && scrollY + innerHeight >= document.body.scrollHeight - 1;
    requestAnimationFrame(isAtEnd ? up : down);
  };
  requestAnimationFrame(() => {
    performance.mark(mark);
    down();
  });
})"""
_TRACED = ["toplevel", "blink.user_timing"]


def measure() -> dict[str, float]:
    """Return jobs, bytes of the page and milliseconds (the least of some runs); from a process of its own."""
    found: dict[str, float] = found_alone("benchmarks.jobs_page", timeout_s=TIMEOUT_S)
    return found


def _measure_here() -> dict[str, float]:
    with ListedJobs() as api, chromium() as browser:
        address = api.show(*(completed(f"recording {nth}.wav", nth=nth) for nth in range(JOBS)))
        runs = [_one(browser, address) for _ in range(RUNS)]
    return {"jobs": JOBS, **{name: min(run[name] for run in runs) for name in runs[0]}}


def _one(browser: Browser, address: str) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
    page.set_default_timeout(GIVE_UP_MS)
    page.add_init_script(_WATCH)
    page.goto(address)
    first_ms: float = page.evaluate("() => window.painted")
    browser.start_tracing(page=page, categories=_TRACED)
    page.evaluate(_SCROLLED, [JOBS, _MARK])
    longest_ms = _longest_task_ms(json.loads(browser.stop_tracing())["traceEvents"])
    page.close()
    return {"first_rows_ms": first_ms, "longest_task_ms": longest_ms}


def _longest_task_ms(events: Sequence[Mapping[str, Any]]) -> float:
    """Return the processor time of the longest task of the page's thread behind the mark."""
    (mark,) = [each for each in events if each["name"] == _MARK and each["ph"] in "IR"]
    tasks = [
        each["tdur"]
        for each in events
        if each["name"].endswith("RunTask")
        and (each["pid"], each["tid"]) == (mark["pid"], mark["tid"])
        and "tdur" in each
        and each["ts"] > mark["ts"]
    ]
    return float(max(tasks)) / 1000


if __name__ == "__main__":
    print_found(_measure_here)
