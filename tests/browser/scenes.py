"""The states of the pages that the documentation shows, and their structure: roles, names, order and boxes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from asrcore.api.models import JobDetail
from asrcore.messages import Language, Message
from asrcore.messages import render as render_message
from asrcore.render import render
from tests.support.listed_jobs import completed, failed, listed, waits, warned
from tests.support.transcripts import said, transcript

SAMPLES = Path(__file__).parents[2] / "samples"
STRUCTURES = Path(__file__).with_name("structures")
NOW = datetime(2026, 11, 30, 9, 31, tzinfo=UTC)  # a minute after the newest job
ZONE = "Asia/Shanghai"
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
PHONE_PX = 500
BOXES = {  # by page: the origin, and the elements
    "jobs": ["#jobs", ["#jobs", ".chunk tr:nth-child(-n+4)", ".chunk tr:nth-child(4) > *"]],
    "viewer": [".shell", [".shell", ".view", "#transcript", "#panel"]],
}
VENDORS = ("tencent-sentence", "volcengine-bigmodel", "tencent-rec-task", "abcpen-offline")
NAMES = ("周会", "客户来电", "访谈 王老师", "lecture", "新产品发布会", "call with Anna", "培训", "board meeting")

LINES = [
    ("1", 300, 2_740, "大家好，欢迎参加今天的会议。"),
    ("2", 3_440, 5_180, "我们先看上周的数据。"),
    ("1", 5_600, 9_900, "好的。新建的图书馆开放以后，每天有三千人来借书。"),
    ("3", 10_300, 13_100, "比上个月多了一倍，数据都在这张表里。"),
    ("2", 13_500, 15_900, "那么下周的会议我们再看一次。"),
]


def jobs(language: Language) -> list[JobDetail]:
    """Return a day of jobs: in progress, waiting, failed, completed with a warning, and many more."""
    waiting = waits(render_message(Message("waiting.slot", {"vendor": "tencent-sentence"}), language))
    key = f"incoming/auto/{2:032x}/notes.mp3"
    text = Message("probe.other", {"what": Message("probe.text")})
    reason = render_message(Message("NotAudio", {"key": key, "reason": text}), language)
    silent = warned(render_message(Message("warning.no-speech"), language))
    slot = {"status": "QUEUED", "stage": "waiting_for_slot", "waiting": waiting}
    return [
        listed("全体会议.m4a", typical_s=95.0, elapsed_s=40.0, length_s=3605.0),
        listed("interview.wav", nth=1, vendor="tencent-sentence", length_s=48.0, **slot),
        failed("notes.mp3", reason, nth=2),
        completed("news.mp3", nth=3, vendor="tencent-sentence", length_s=22.5, warnings=[silent]),
        *(
            completed(
                f"{NAMES[nth % 8]} {nth}.m4a", nth=nth, length_s=97.0 * nth, usd=0.043 * nth, vendor=VENDORS[nth % 4]
            )
            for nth in range(4, 20)
        ),
    ]


def at_time(moment: datetime) -> str:
    """Return a script by which the clock of each next document stands at a moment, until `now` is set to another."""
    return f"""globalThis.now = {moment.timestamp() * 1000};
    globalThis.Date = class extends Date {{
      constructor(...given) {{ super(...(given.length ? given : [now])); }}
      static now() {{ return now; }}
    }};"""


def show_jobs(page: Page, address: str) -> None:
    """Open the list at NOW, with two selected jobs."""
    page.goto(address)
    expect(page.locator(".count").first).to_have_text("20")
    for nth in (4, 5):
        page.locator(".chunk tr").nth(nth).get_by_role("checkbox").check()
    page.mouse.move(0, 0)


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


def listen(page: Page, address: str) -> None:
    """Open the meeting and play it, with a search and the name of a speaker."""
    page.goto(address)
    page.set_input_files("input[type=file]", SAMPLES / "news.mp3")
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    page.locator("#turns .name").nth(1).click()
    page.locator(".rename").fill("王老师")
    page.keyboard.press("Enter")
    if page.viewport_size["width"] > 1000:
        page.get_by_role("searchbox").fill("会议")
        page.wait_for_selector(".hits li")
    page.get_by_text("借", exact=True).first.click()
    expect(page.locator(".said .now")).to_have_text("借")
    expect(page.locator(".bar .clock")).to_contain_text("0:09")


_BOXES = """([origin, selectors]) => {
  const { x, y } = document.querySelector(origin).getBoundingClientRect();
  const boxOf = (element) => {
    const box = element.getBoundingClientRect();
    return [box.x - x, box.y - y, box.width, box.height].map(Math.round);
  };
  return Object.fromEntries(selectors.map((each) => [each, [...document.querySelectorAll(each)].map(boxOf)]));
}"""


def structure(page: Page, name: str) -> dict[str, Any]:
    """Return the roles and names of a page in their order, and the boxes of elements whose size no font decides.

    A box is left, top, width and height in pixels. Its origin is an element below texts that may wrap.
    """
    origin, selectors = BOXES[name]
    if page.viewport_size["width"] < PHONE_PX:  # where texts decide how wide the cells of a row are
        selectors = [each for each in selectors if not each.endswith("> *")]
    return {
        "roles": page.locator("body").aria_snapshot().split("\n"),
        "boxes": page.evaluate(_BOXES, [origin, selectors]),
    }


def path_of(name: str) -> Path:
    """Return the path of a structure that is committed."""
    return STRUCTURES / f"{name}.json"


def write_structure(name: str, found: dict[str, Any]) -> None:
    """Write a structure, a role and a box to a line."""
    STRUCTURES.mkdir(exist_ok=True)
    path_of(name).write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
