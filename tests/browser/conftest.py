"""Open pages in a headless browser. A page that throws or uses the network fails its test."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from asrcore.core.transcript import Transcript
from asrcore.render import render
from tests.support.chromium import chromium
from tests.support.failure_report import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 - hooks

Opener = Callable[..., Page]

# An upper bound, not a performance goal: other tests use the processors at the same time.
GIVE_UP_MS = 60_000
expect.set_options(timeout=GIVE_UP_MS)


# Each document of the shared page starts with nothing stored. It clears the storage itself: what the renderer of an
# earlier test has stored or cleared can be applied later.
_CLEAR = """if (/^(file|http):$/.test(location.protocol)) {
  for (const each of [localStorage, sessionStorage]) if (each.length) each.clear();
}"""

# Dates, durations and names of languages and units have words that no catalogue has.
NO_WORDS = """for (const name of ["DateTimeFormat", "DisplayNames", "DurationFormat", "NumberFormat"]) {
  Intl[name] = class { format() { return "0"; } of() { return "0"; } };
}"""
_WORDS = """() => [
  document.title, document.body.innerText,
  ...[...document.querySelectorAll("[aria-label], [placeholder]")].flatMap(
    (each) => [each.ariaLabel, each.placeholder]),
].join("\\n")"""


def masked(page: str) -> str:
    """Return a page whose carried texts have no letters: what is left of each is ※ and its parameters."""
    block = re.search(r'(<script type="application/json" id="texts">)(.*?)(</script>)', page)
    texts = json.loads(block[2])
    for forms in texts.values():
        forms.update({code: " ".join(["※", *re.findall(r"\{\w+\}", text)]) for code, text in forms.items()})
    return page.replace(block[2], json.dumps(texts))


def words_of(page: Page) -> set[str]:
    """Return the words that a page shows, or that a screen reader reads."""
    return set(re.findall(r"[^\W\d_]+", page.evaluate(_WORDS)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def desktop(browser: Browser) -> Page:
    """Return the page that most tests use one after the other: a new one costs 0.5 s of CPU."""
    page = new_context(browser).new_page()
    page.add_init_script(_CLEAR)
    return page


def new_context(browser: Browser, **options: object) -> BrowserContext:
    context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1000, "height": 700}, **options})
    context.set_default_timeout(GIVE_UP_MS)
    return context


def reload(page: Page) -> None:
    """Reload a page of its own with what it has stored: under load, Chromium loses some of what a page has written."""
    stored = page.evaluate("() => ({ ...localStorage })")
    page.add_init_script(f"Object.assign(localStorage, {json.dumps(stored)});")
    page.reload()


@pytest.fixture
def show(browser: Browser, desktop: Page, tmp_path: Path) -> Iterator[Opener]:
    """Open a transcript's page from disk, or a page at an address. Keyword arguments configure the browser.

    expected: browser errors that the test itself causes.  own: a page with a storage of its own, for `reload`.
    """
    troubles: list[str] = []
    watch: dict[str, Callable[..., object]] = {
        "weberror": lambda error: troubles.append(f"the page threw: {error.error}"),
        "console": lambda said: troubles.append(said.text) if said.type in {"error", "warning"} else None,
        "dialog": lambda dialog: (troubles.append("the page opened a dialog"), dialog.dismiss()),
        "request": lambda request: (
            None
            if request.url.startswith(("file:", "blob:", "about:", "http://127.0.0.1:"))
            else troubles.append(f"the page asked for {request.url}")
        ),
    }
    contexts: list[BrowserContext] = []
    allowed: list[str] = []
    opened = itertools.count()

    def open_page(what: Transcript | str, *, expected: str = "", own: bool = False, **options: object) -> Page:
        allowed.extend([expected] if expected else [])
        number = next(opened)
        if not (options or expected or own or number):
            page = desktop
        else:
            contexts.append(new_context(browser, **options))
            page = contexts[-1].new_page()
        for event, note in watch.items():
            page.context.on(event, note)
        if isinstance(what, Transcript):
            path = tmp_path / f"{number}.html"
            path.write_bytes(render(what, "html"))
            page.goto(path.as_uri())
        else:
            page.goto(what)
        return page

    yield open_page

    for context in contexts:
        context.close()
    if desktop.url != "about:blank":
        for page in desktop.context.pages:
            page.goto("about:blank") if page is desktop else page.close()
        desktop.unroute_all()
        desktop.mouse.move(0, 0)
        for event, note in watch.items():
            desktop.context.remove_listener(event, note)
    assert [trouble for trouble in troubles if not any(each in trouble for each in allowed)] == []
