"""Takes `docs/viewer.png`, the picture in the README: `python -m tests.browser.screenshot`. Needs a Chinese font.

The meeting is made up; a sample recording lends its length.
"""

import tempfile
from pathlib import Path

from asrcore.render import render
from tests.support.chromium import chromium
from tests.support.transcripts import said, transcript

ROOT = Path(__file__).parents[2]
LINES = [
    ("1", 300, 2_740, "大家好，欢迎参加今天的会议。"),
    ("2", 3_440, 5_180, "我们先看上周的数据。"),
    ("1", 5_600, 9_900, "好的。新建的图书馆开放以后，每天有三千人来借书。"),
    ("3", 10_300, 13_100, "比上个月多了一倍，数据都在这张表里。"),
    ("2", 13_500, 15_900, "那么下周的会议我们再看一次。"),
]


def main() -> None:
    """Write the picture."""
    utterances = []
    for speaker, start_ms, end_ms, text in LINES:
        step_ms = (end_ms - start_ms) // len(text)
        words = [(each, start_ms + step_ms * nth, start_ms + step_ms * (nth + 1)) for nth, each in enumerate(text)]
        utterances.append(said(text, start_ms, end_ms, *[word for word in words if word[0].isalnum()], speaker=speaker))
    page_bytes = render(transcript(utterances, key="incoming/auto/meeting.mp3"), "html")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "viewer.html"
        path.write_bytes(page_bytes)
        page = browser.new_page(viewport={"width": 860, "height": 600}, locale="en-US")
        page.goto(path.as_uri())
        page.set_input_files("#file", ROOT / "samples" / "news.mp3")
        page.wait_for_function("() => document.getElementById('player').readyState >= 1")
        page.get_by_text("Speakers", exact=True).click()
        page.get_by_label("说话人 2").fill("王老师")
        page.get_by_label("说话人 2").press("Tab")
        page.get_by_role("searchbox").fill("会议")
        page.wait_for_selector("#count:not(:empty)")
        page.get_by_text("借", exact=True).first.click()
        page.screenshot(path=ROOT / "docs" / "viewer.png")


if __name__ == "__main__":
    main()
