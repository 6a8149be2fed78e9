"""Take the screenshots of the documentation: `python -m tests.browser.screenshot`. Needs a Chinese font.

Both pages, in each language, light and dark, on a desktop and on a phone. The viewer shows an invented meeting as long
as a sample, the jobs page the jobs of `scenes.py`. The tests compare the structure of that with the one written here.
"""

import base64
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page

from asrcore.messages import LOCALES, Language
from asrcore.render import render
from tests.browser.scenes import DEVICES, SCHEMES, jobs, jobs_structure, show_jobs, write_structure
from tests.support.chromium import chromium
from tests.support.listed_jobs import ListedJobs
from tests.support.transcripts import said, transcript

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SAMPLES = ROOT / "samples"
QUALITY = 70
LINES = [
    ("1", 300, 2_740, "大家好，欢迎参加今天的会议。"),
    ("2", 3_440, 5_180, "我们先看上周的数据。"),
    ("1", 5_600, 9_900, "好的。新建的图书馆开放以后，每天有三千人来借书。"),
    ("3", 10_300, 13_100, "比上个月多了一倍，数据都在这张表里。"),
    ("2", 13_500, 15_900, "那么下周的会议我们再看一次。"),
]


def take(browser: Browser, name: str, prepare: Callable[[Page, Language], None]) -> None:
    """Take every picture of a page. prepare: brings a new page into the state of the picture."""
    IMAGES.mkdir(exist_ok=True)
    for language, scheme, device in itertools.product(LOCALES, SCHEMES, DEVICES):
        page = browser.new_page(locale=language, color_scheme=scheme, timezone_id="Asia/Shanghai", **DEVICES[device])
        prepare(page, language)
        picture = page.context.new_cdp_session(page).send(
            "Page.captureScreenshot", {"format": "webp", "quality": QUALITY}
        )
        (IMAGES / f"{name}-{language}-{scheme}-{device}.webp").write_bytes(base64.b64decode(picture["data"]))
        if name == "jobs" and scheme == "light":
            write_structure(f"{name}-{language}-{device}", jobs_structure(page))
        page.close()


def meeting(folder: Path) -> str:
    """Write the page of the meeting; return its address."""
    utterances = []
    for speaker, start_ms, end_ms, text in LINES:
        step_ms = (end_ms - start_ms) // len(text)
        words = [(each, start_ms + step_ms * nth, start_ms + step_ms * (nth + 1)) for nth, each in enumerate(text)]
        utterances.append(said(text, start_ms, end_ms, *[word for word in words if word[0].isalnum()], speaker=speaker))
    path = folder / "viewer.html"
    path.write_bytes(render(transcript(utterances, key="incoming/auto/meeting.mp3"), "html"))
    return path.as_uri()


def listen(page: Page) -> None:
    """Play the meeting, with a search and the name of a speaker."""
    page.set_input_files("input[type=file]", SAMPLES / "news.mp3")
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    page.locator("#turns .name").nth(1).click()
    page.locator(".rename").fill("王老师")
    page.keyboard.press("Enter")
    if page.viewport_size["width"] > 1000:
        page.get_by_role("searchbox").fill("会议")
        page.wait_for_selector(".hits li")
    page.get_by_text("借", exact=True).first.click()


def main() -> None:
    """Take the pictures of both pages, and write their structure for the tests."""
    with tempfile.TemporaryDirectory() as folder, ListedJobs() as api, chromium() as browser:
        address = meeting(Path(folder))

        def viewer(page: Page, _: Language) -> None:
            page.goto(address)
            listen(page)

        take(browser, "viewer", viewer)
        take(browser, "jobs", lambda page, language: show_jobs(page, api.show(*jobs(language))))


if __name__ == "__main__":
    main()
