"""Times of the transcript page with five hours of words: first words, whole page, a search, scrolling.

Runs in the tests' Chromium, without a window and without a graphics processor. Times are wall-clock times: shorter on a
desktop, longer on a busy machine. Prints JSON; `python -m benchmarks.viewer`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser

from asrcore.render import render
from benchmarks.environment import found_alone, print_found
from tests.support.chromium import chromium
from tests.support.transcripts import five_hours

RUNS = 3
SCROLL_MS = 4000
FLICK = 3000  # pixels a second
SOUGHT = "我"
TIMEOUT_S = 300
GIVE_UP_MS = 60_000

# In the page before its own script. A task behind a frame that has found the words runs when they are painted.
_WATCH = """
window.painted = new Promise((done) => {
  const look = () => requestAnimationFrame(() => {
    if (document.querySelector(".said span")) setTimeout(() => done(performance.now())); else look();
  });
  look();
});
"""
_OPENED = """async () => ({
  first_words_ms: await window.painted,
  load_ms: performance.getEntriesByType("navigation")[0].loadEventEnd,
})"""
# The times between frames: during fast scrolling, or during a drag of the bar from the first word to the last.
_SCROLLED = """([length_ms, speed]) => new Promise((done) => {
  const region = document.getElementById("transcript"), frames = [];
  let first, last;
  const step = (now) => {
    if (last) frames.push(now - last);
    first ??= now;
    last = now;
    const part = Math.min(1, (now - first) / length_ms);
    region.scrollTop = part * (speed ? (speed * length_ms) / 1000 : region.scrollHeight - region.clientHeight);
    if (part < 1) requestAnimationFrame(step); else done(frames);
  };
  requestAnimationFrame(step);
})"""
# From the letter to the painted count, with the moment in which the page waits for another letter.
_SEARCHED = """sought => new Promise((done) => {
  const field = document.querySelector("input[type=search]"), count = document.getElementById("count");
  const start = performance.now();
  new MutationObserver((_, watcher) => {
    watcher.disconnect();
    const hits = Number(count.textContent.match(/[\\d,]+$/)[0].replaceAll(",", ""));
    requestAnimationFrame(() => setTimeout(() => done({ search_ms: performance.now() - start, hits })));
  }).observe(count, { childList: true });
  field.value = sought;
  field.dispatchEvent(new Event("input"));
})"""


def measure() -> dict[str, float]:
    """Words and bytes of the page, milliseconds (the least of some runs) and hits; from a process of its own."""
    found: dict[str, float] = found_alone("benchmarks.viewer", timeout_s=TIMEOUT_S)
    return found


def _measure_here() -> dict[str, float]:
    document = five_hours()
    body = render(document, "html")
    with TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "five-hours.html"
        path.write_bytes(body)
        runs = [_one(browser, path.as_uri()) for _ in range(RUNS)]
    words = sum(len(utterance.words) for utterance in document.utterances)
    return {"words": words, "page_bytes": len(body), **{name: min(run[name] for run in runs) for name in runs[0]}}


def _one(browser: Browser, address: str) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1000, "height": 700}, locale="en-US")
    page.set_default_timeout(GIVE_UP_MS)
    page.add_init_script(_WATCH)
    page.goto(address)
    opened: dict[str, float] = page.evaluate(_OPENED)
    searched: dict[str, Any] = page.evaluate(_SEARCHED, SOUGHT)
    page.get_by_role("searchbox").fill("")
    page.wait_for_selector("#count:empty", state="attached")
    flicked, dragged = (_p95(page.evaluate(_SCROLLED, [SCROLL_MS, speed])) for speed in (FLICK, None))
    page.close()
    return {**opened, **searched, "flick_p95_ms": flicked, "drag_p95_ms": dragged}


def _p95(frames_ms: list[float]) -> float:
    return sorted(frames_ms)[int(len(frames_ms) * 0.95)]


if __name__ == "__main__":
    print_found(_measure_here)
