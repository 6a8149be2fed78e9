"""Pages of a browser for tests: one that tests use one after the other, each as if it were new, and pages of their own.

A new page costs 0.5 s of CPU. All that a test changes in the shared page ends with the test: what it emulates and its
scripts with a session of the DevTools protocol, and its storage with each document.
"""

import json
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

# An upper bound, not a performance goal: other tests use the processors at the same time.
GIVE_UP_MS = 60_000
LANGUAGE = "en-US"
SIZE = {"width": 1000, "height": 700}

# Chromium writes a page's storage a while later, and loses some of it when another document of the page follows. What
# a document of the shared page stores is its own: `reload` gives it to the next one.
_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) {
  const value = Object.create({
    getItem(key) { return Object.hasOwn(this, key) ? this[key] : null; },
    setItem(key, text) { this[key] = `${text}`; },
    removeItem(key) { delete this[key]; },
  });
  Object.defineProperty(window, name, { value });
}"""


def new_context(browser: Browser, *, locale: str = LANGUAGE, **options: Any) -> BrowserContext:
    """Return a context with the window of the shared page and the time limit of the tests."""
    context = browser.new_context(**{"locale": locale, "viewport": SIZE, **options})
    context.set_default_timeout(GIVE_UP_MS)
    return context


class SharedPage:
    """The page that tests use one after the other."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        context = browser.new_context(viewport=SIZE)  # without a locale, which no session could change
        context.set_default_timeout(GIVE_UP_MS)
        self.page = context.new_page()
        self._agent: str = self.page.evaluate("() => navigator.userAgent")
        self._session: CDPSession | None = None

    def begin(
        self,
        *,
        locale: str = LANGUAGE,
        timezone_id: str = "",
        viewport: dict[str, int] = SIZE,
        is_mobile: bool = False,
        has_touch: bool = False,
        color_scheme: Any = "light",
        permissions: Sequence[str] = (),
    ) -> Page:
        """Return the page with these options of a browser's context."""
        send = self._open().send
        send("Emulation.setUserAgentOverride", {"userAgent": self._agent, "acceptLanguage": locale})
        send("Emulation.setLocaleOverride", {"locale": locale})
        if timezone_id:
            send("Emulation.setTimezoneOverride", {"timezoneId": timezone_id})
        if viewport != self.page.viewport_size:
            self.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        if is_mobile:
            send("Emulation.setDeviceMetricsOverride", {**viewport, "deviceScaleFactor": 1, "mobile": True})
        if has_touch:
            send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        if color_scheme != "light":
            self.page.emulate_media(color_scheme=color_scheme)
        if permissions:
            self.page.context.grant_permissions(permissions)
        self.run_first(_STORAGE)
        return self.page

    def run_first(self, script: str) -> None:
        """Run a script before those of each next document of this test, after the scripts that were given before."""
        assert self._session
        self._session.send("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def reload(self) -> None:
        """Load the document again with what this one has stored."""
        stored = self.page.evaluate("() => ({ ...localStorage })")
        self.run_first(f"Object.assign(localStorage, {json.dumps(stored)});")
        self.page.reload()

    def end(self) -> None:
        """Close the test's document, and undo what the test has changed."""
        page, context = self.page, self.page.context
        for other in context.pages:
            if other is not page:
                other.close()
        page.goto("about:blank")
        page.unroute_all()
        context.unroute_all()
        context.clear_permissions()
        page.emulate_media(media="null", color_scheme="null")
        page.mouse.move(0, 0)
        if self._session:
            self._session.detach()
            self._session = None
        if page.viewport_size != SIZE:
            page.set_viewport_size(SIZE)  # type: ignore[arg-type]

    def _open(self) -> CDPSession:
        assert self._session is None
        self._session = self.page.context.new_cdp_session(self.page)
        self._session.send("Page.enable")
        return self._session
