"""Take the screenshots of the documentation: `python -m tests.browser.screenshot`. Needs a Chinese font.

`docs/viewer.png` shows an invented meeting as long as a sample. `docs/jobs-page.png` shows samples on a local
stack with one slow vendor, and a file without audio.
"""

import tempfile
from pathlib import Path

import requests
from playwright.sync_api import Browser, expect

from asrcore.render import render
from devstack.stack import LocalStack
from tests.support.chromium import chromium
from tests.support.transcripts import said, transcript

ROOT = Path(__file__).parents[2]
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


def viewer(browser: Browser, folder: Path) -> None:
    """Take the picture of a meeting during playback."""
    utterances = []
    for speaker, start_ms, end_ms, text in LINES:
        step_ms = (end_ms - start_ms) // len(text)
        words = [(each, start_ms + step_ms * nth, start_ms + step_ms * (nth + 1)) for nth, each in enumerate(text)]
        utterances.append(said(text, start_ms, end_ms, *[word for word in words if word[0].isalnum()], speaker=speaker))
    path = folder / "viewer.html"
    path.write_bytes(render(transcript(utterances, key="incoming/auto/meeting.mp3"), "html"))
    page = browser.new_page(viewport={"width": 860, "height": 600}, locale="en-US")
    page.goto(path.as_uri())
    page.set_input_files("#file", SAMPLES / "news.mp3")
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    page.get_by_text("Speakers", exact=True).click()
    page.get_by_label("说话人 2").fill("王老师")
    page.get_by_label("说话人 2").press("Tab")
    page.get_by_role("searchbox").fill("会议")
    page.wait_for_selector("#count:not(:empty)")
    page.get_by_text("借", exact=True).first.click()
    page.screenshot(path=ROOT / "docs" / "viewer.png")


def jobs_page(browser: Browser, stack: LocalStack) -> None:
    """Take the picture of completed jobs, an open one and a failed one."""
    page = browser.new_page(viewport={"width": 860, "height": 640}, locale="en-US")
    page.goto(stack.outputs["JobsPageUrl"])
    page.set_input_files("#files", {"name": "notes.mp3", "mimeType": "audio/mpeg", "buffer": b"no recording"})
    expect(page.locator("#jobs .why")).to_contain_text("NotAudio", timeout=GIVE_UP_MS)
    page.set_input_files("#files", [SAMPLES / "news.mp3", SAMPLES / "meeting.wav"])
    expect(page.locator("#jobs .good")).to_have_count(2, timeout=GIVE_UP_MS)
    page.get_by_label("Vendor").select_option(SLOW)
    requests.post(f"{stack.simulators[SLOW]}/_simulator/options", json={"turnaround_s": 600}, timeout=60)
    page.set_input_files("#files", [SAMPLES / "lecture.m4a"])
    expect(page.locator("#jobs > li").first).to_contain_text("recognition in progress", timeout=GIVE_UP_MS)
    page.screenshot(path=ROOT / "docs" / "jobs-page.png")


def main() -> None:
    """Take both pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack({"JobsPage": "on"}, log_dir=Path(folder) / "logs") as stack,
        chromium() as browser,
    ):
        viewer(browser, Path(folder))
        jobs_page(browser, stack)


if __name__ == "__main__":
    main()
