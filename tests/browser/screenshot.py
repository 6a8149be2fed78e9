"""Take the screenshots of the documentation: `python -m tests.browser.screenshot`. Needs a Chinese font.

Both pages, in each language, light and dark, on a desktop and on a phone. The viewer shows an invented meeting as long
as a sample. The jobs page shows samples on a local stack with one slow vendor, and a file without audio.
"""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, expect

from asrcore.messages import LOCALES
from asrcore.render import render
from devstack.stack import LocalStack
from tests.support.chromium import chromium
from tests.support.transcripts import said, transcript

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SAMPLES = ROOT / "samples"
SLOW = "abcpen-offline"
GIVE_UP_MS = 60_000
LINES = [
    ("1", 300, 2_740, "大家好，欢迎参加今天的会议。"),
    ("2", 3_440, 5_180, "我们先看上周的数据。"),
    ("1", 5_600, 9_900, "好的。新建的图书馆开放以后，每天有三千人来借书。"),
    ("3", 10_300, 13_100, "比上个月多了一倍，数据都在这张表里。"),
    ("2", 13_500, 15_900, "那么下周的会议我们再看一次。"),
]
SCHEMES = ("light", "dark")
DEVICES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


def take(browser: Browser, name: str, address: str, prepare: Callable[[Page], None]) -> None:
    """Take every picture of a page. prepare: brings the open page into the state of the picture."""
    IMAGES.mkdir(exist_ok=True)
    for language, scheme, device in itertools.product(LOCALES, SCHEMES, DEVICES):
        page = browser.new_page(locale=language, color_scheme=scheme, **DEVICES[device])
        page.goto(address)
        prepare(page)
        page.screenshot(path=IMAGES / f"{name}-{language}-{scheme}-{device}.png")
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


def upload(browser: Browser, stack: LocalStack) -> None:
    """Bring the stack to two completed jobs, an open one and a failed one."""
    page = browser.new_page(locale="en-US")
    page.goto(stack.outputs["JobsPageUrl"])
    page.set_input_files("#files", [SAMPLES / "news.mp3", SAMPLES / "meeting.wav"])
    expect(page.locator("#jobs .good")).to_have_count(2, timeout=GIVE_UP_MS)
    page.get_by_label("Vendor").select_option(SLOW)
    requests.post(f"{stack.simulators[SLOW]}/_simulator/options", json={"turnaround_s": 600}, timeout=60)
    page.set_input_files("#files", [SAMPLES / "lecture.m4a"])
    expect(page.locator("#jobs > li").first).to_contain_text("Recognition in progress", timeout=GIVE_UP_MS)
    page.get_by_label("Vendor").select_option("auto")
    page.set_input_files("#files", {"name": "notes.mp3", "mimeType": "audio/mpeg", "buffer": b"no recording"})
    expect(page.locator("#jobs .why p")).to_have_count(1, timeout=GIVE_UP_MS)
    page.close()


def watch(page: Page) -> None:
    """Wait for the jobs."""
    expect(page.locator("#jobs > li")).to_have_count(4, timeout=GIVE_UP_MS)


def main() -> None:
    """Take the pictures of both pages."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack({"JobsPage": "on"}, log_dir=Path(folder) / "logs") as stack,
        chromium() as browser,
    ):
        take(browser, "viewer", meeting(Path(folder)), listen)
        upload(browser, stack)
        take(browser, "jobs", stack.outputs["JobsPageUrl"], watch)


if __name__ == "__main__":
    main()
