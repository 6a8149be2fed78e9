"""The states of the pages that the documentation shows, and their structure: roles, names, order and boxes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.listed_jobs import Listed, completed, failed, listed

STRUCTURES = Path(__file__).with_name("structures")
NOW = datetime(2026, 11, 30, 9, 31, tzinfo=UTC)  # a minute after the newest job
SCHEMES = ("light", "dark")
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
REASONS = {
    "en": "it is a text; upload a recording as WAV, MP3, M4A, AAC, FLAC, Ogg, AMR, WMA or SILK",
    "zh-CN": "它是文本；请上传 WAV、MP3、M4A、AAC、FLAC、Ogg、AMR、WMA 或 SILK 格式的录音",
}
WAITS = {"en": "Waiting for the vendor's rate limit", "zh-CN": "等待厂商限速的提交时段"}
VENDORS = ("tencent-sentence", "volcengine-bigmodel", "tencent-rec-task", "abcpen-offline")
NAMES = ("周会", "客户来电", "访谈 王老师", "lecture", "新产品发布会", "call with Anna", "培训", "board meeting")


def jobs(language: str) -> list[Listed]:
    """Return a day of jobs: in progress, waiting, failed, completed with a warning, and many more."""
    waiting = {"code": "waiting.slot", "params": {}, "text": WAITS[language], "until": None}
    slot = {"status": "QUEUED", "stage": "waiting_for_slot", "waiting": waiting}
    return [
        listed("全体会议.m4a", typical_s=95.0, elapsed_s=40.0, length_s=3605.0),
        listed("interview.wav", nth=1, vendor="tencent-sentence", length_s=48.0, **slot),
        failed("notes.mp3", REASONS[language], nth=2),
        completed("news.mp3", nth=3, vendor="tencent-sentence", length_s=22.5, warnings=[{"text": "-"}]),
        *(
            completed(
                f"{NAMES[nth % 8]} {nth}.m4a", nth=nth, length_s=97.0 * nth, usd=0.043 * nth, vendor=VENDORS[nth % 4]
            )
            for nth in range(4, 20)
        ),
    ]


def show_jobs(page: Page, address: str) -> None:
    """Open the list, with two selected jobs."""
    page.clock.set_fixed_time(NOW)
    page.goto(address)
    expect(page.locator(".count").first).to_have_text("20")
    for nth in (4, 5):
        page.locator(".chunk tr").nth(nth).get_by_role("checkbox").check()
    page.mouse.move(0, 0)


_BOXES = """([origin, selectors]) => {
  const { x, y } = document.querySelector(origin).getBoundingClientRect();
  const boxOf = (element) => {
    const box = element.getBoundingClientRect();
    return [box.x - x, box.y - y, box.width, box.height].map(Math.round);
  };
  return Object.fromEntries(selectors.map((each) => [each, [...document.querySelectorAll(each)].map(boxOf)]));
}"""


def structure(page: Page, origin: str, selectors: list[str]) -> dict[str, Any]:
    """Return the roles and names of a page in their order, and the boxes of elements whose size no font decides.

    Args:
        page: the page.
        origin: the element to whose corner the boxes are relative, as text above it may wrap.
        selectors: of the elements with a box: left, top, width and height in pixels.
    """
    return {
        "roles": page.locator("body").aria_snapshot().split("\n"),
        "boxes": page.evaluate(_BOXES, [origin, selectors]),
    }


def jobs_structure(page: Page) -> dict[str, Any]:
    """Return the structure of the list."""
    return structure(page, "#jobs", ["#jobs", "#head", ".chunk tr:nth-child(-n+4)", ".chunk tr:nth-child(4) > *"])


def path_of(name: str) -> Path:
    """Return the path of a structure that is committed."""
    return STRUCTURES / f"{name}.json"


def write_structure(name: str, found: dict[str, Any]) -> None:
    """Write a structure, a role and a box to a line."""
    STRUCTURES.mkdir(exist_ok=True)
    path_of(name).write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
