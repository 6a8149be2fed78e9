"""Take the screenshots of the documentation: `PYTHONPATH=layers/asrcore python -m tests.browser.screenshot`.

A Chinese font is needed.

Both pages, in each language, light and dark, on a desktop and on a phone, as `scenes.py` prepares them. Their structure
is written, too, and `test_structure.py` compares the pages with it.
"""

import base64
import itertools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Browser, Page

from asrcore.messages import LOCALES, Language
from tests.browser.scenes import (
    DEVICES,
    NOW,
    ZONE,
    at_time,
    jobs,
    listen,
    meeting,
    show_jobs,
    structure,
    write_structure,
)
from tests.support.chromium import chromium
from tests.support.listed_jobs import ListedJobs

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SCHEMES = ("light", "dark")
QUALITY = 70


def take(browser: Browser, prepare: Mapping[str, Callable[[Page, Language], None]]) -> None:
    """Take every picture. prepare: by the page's name, brings a new page into the state of the picture."""
    IMAGES.mkdir(exist_ok=True)
    for name, language, scheme, device in itertools.product(prepare, LOCALES, SCHEMES, DEVICES):
        page = browser.new_page(locale=language, color_scheme=scheme, timezone_id=ZONE, **DEVICES[device])
        page.add_init_script(at_time(NOW))
        prepare[name](page, language)
        session = page.context.new_cdp_session(page)
        picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        (IMAGES / f"{name}-{language}-{scheme}-{device}.webp").write_bytes(base64.b64decode(picture["data"]))
        if scheme == SCHEMES[0]:
            write_structure(f"{name}-{language}-{device}", structure(page, name))
        page.close()


def main() -> None:
    """Take the pictures of both pages, and write their structure for the tests."""
    with tempfile.TemporaryDirectory() as folder, ListedJobs() as api, chromium() as browser:
        address = meeting(Path(folder))
        take(
            browser,
            {
                "viewer": lambda page, _: listen(page, address),
                "jobs": lambda page, language: show_jobs(page, api.show(*jobs(language))),
            },
        )


if __name__ == "__main__":
    main()
