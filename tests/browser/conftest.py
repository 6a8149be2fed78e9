"""Open pages in a headless browser. A page that throws or uses the network fails its test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from asrcore.core.transcript import Transcript
from asrcore.render import render
from tests.support.chromium import chromium

Opener = Callable[..., Page]

# An upper bound, not a performance goal: other tests use the processors at the same time.
GIVE_UP_MS = 60_000
expect.set_options(timeout=GIVE_UP_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Open a transcript's page from disk, or a page at an address. Keyword arguments configure the browser.

    expected: browser errors that the test itself causes.
    """
    troubles: list[str] = []
    contexts = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: troubles.append(f"the page threw: {error}"))
        page.on("console", lambda said: troubles.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("dialog", lambda dialog: (troubles.append("the page opened a dialog"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("file:", "blob:", "about:", "http://127.0.0.1:"))
                else troubles.append(f"the page asked for {request.url}")
            ),
        )

    allowed: list[str] = []

    def open_page(what: Transcript | str, *, expected: str = "", **options: object) -> Page:
        allowed.extend([expected] if expected else [])
        context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1000, "height": 700}, **options})
        context.set_default_timeout(GIVE_UP_MS)
        contexts.append(context)
        context.on("page", watch)
        page = context.new_page()
        if isinstance(what, Transcript):
            path = tmp_path / f"{len(contexts)}.html"
            path.write_bytes(render(what, "html"))
            page.goto(path.as_uri())
        else:
            page.goto(what)
        return page

    yield open_page

    for context in contexts:
        context.close()
    assert [trouble for trouble in troubles if not any(each in trouble for each in allowed)] == []
