"""Open pages in a headless browser. A page that throws or uses the network fails its test."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from asrcore.core.transcript import Transcript
from asrcore.render import render
from tests.support.chromium import chromium
from tests.support.failure_report import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 - hooks
from tests.support.pages import GIVE_UP_MS, SharedPage, new_context

expect.set_options(timeout=GIVE_UP_MS)

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


def axe_violations(page: Page) -> list[tuple[str, list[object]]]:
    """Return the rules of axe-core that a page breaks, each with its elements."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    return page.evaluate(
        """async () => {
          const { violations } = await axe.run({ resultTypes: ["violations"] });
          return violations.map(({ id, nodes }) => [id, nodes.map(({ target, html }) => [target, html])]);
        }"""
    )


@pytest.fixture(scope="session")
def shared_page() -> Iterator[SharedPage]:
    with chromium() as browser:
        yield SharedPage(browser)


class Opener:
    """Opens pages of a test, and notes what goes wrong in them."""

    def __init__(self, shared: SharedPage, folder: Path) -> None:
        self.troubles: list[str] = []
        self._shared, self._folder = shared, folder
        self._contexts: list[BrowserContext] = []
        self._expected: list[str] = []
        self._opened = itertools.count()
        self._watch: dict[str, Callable[..., object]] = {
            "weberror": lambda error: self.troubles.append(f"the page threw: {error.error}"),
            "console": lambda said: self.troubles.append(said.text) if said.type in {"error", "warning"} else None,
            "dialog": lambda dialog: (self.troubles.append("the page opened a dialog"), dialog.dismiss()),
            "request": lambda request: (
                None
                if request.url.startswith(("file:", "blob:", "about:", "http://127.0.0.1:"))
                else self.troubles.append(f"the page asked for {request.url}")
            ),
        }

    def __call__(
        self, what: Transcript | str, *, expected: str = "", own: bool = False, first: str = "", **options: Any
    ) -> Page:
        """Open a transcript's page from disk, or a page at an address. Further arguments are options of a context.

        expected: a pattern of browser errors that the test itself causes.  own: a profile of its own, with a real
        storage; all but the first page of a test have one.  first: a script that runs before those of each document.
        """
        self._expected.extend([expected] if expected else [])
        number = next(self._opened)
        if own or number:
            context = new_context(self._shared.browser, **options)
            self._contexts.append(context)
            page = context.new_page()
        else:
            page = self._shared.begin(**options)
        for event, note in self._watch.items():
            page.context.on(event, note)  # type: ignore[call-overload]
        if first:
            self.run_first(first)
        if isinstance(what, Transcript):
            path = self._folder / f"{number}.html"
            path.write_bytes(render(what, "html"))
            what = path.as_uri()
        if what != page.url:
            page.goto(what)
        return page

    def run_first(self, script: str) -> None:
        """Run a script before those of the next documents of the shared page, after those that were given before."""
        self._shared.run_first(script)

    def reload(self) -> None:
        """Load the document of the shared page again, with what it has stored."""
        self._shared.reload()

    def close(self) -> None:
        """Close the pages, and fail for each trouble that the test did not expect."""
        for context in self._contexts:
            context.close()
        self._shared.end()
        for event, note in self._watch.items():
            self._shared.page.context.remove_listener(event, note)
        assert [each for each in self.troubles if not any(re.search(one, each) for one in self._expected)] == []


@pytest.fixture
def show(shared_page: SharedPage, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(shared_page, tmp_path)
    yield opener
    opener.close()
