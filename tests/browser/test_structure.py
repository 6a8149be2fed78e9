"""Compare both pages with the structure of their screenshots: roles, names, order and boxes, no pixels."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.scenes import DEVICES, NOW, ZONE, at_time, jobs, listen, meeting, path_of, show_jobs, structure
from tests.support.listed_jobs import ListedJobs

FONT_PX = 8  # by which another font may move a box
# Every language, scheme and device with each other one.
PAGES = pytest.mark.parametrize(
    ("language", "scheme", "device"),
    [("en", "light", "desktop"), ("zh-CN", "dark", "desktop"), ("en", "dark", "phone"), ("zh-CN", "light", "phone")],
)


@pytest.fixture
def page(show: Callable[..., Page], language: str, scheme: str, device: str) -> Page:
    return show(
        "about:blank", first=at_time(NOW), locale=language, color_scheme=scheme, timezone_id=ZONE, **DEVICES[device]
    )


@pytest.fixture(scope="module")
def api() -> Iterator[ListedJobs]:
    with ListedJobs() as api:
        yield api


def compare(page: Page, name: str, case: str) -> None:
    """Compare a page with what `python -m tests.browser.screenshot` has written beside the pictures."""
    kept, found = json.loads(path_of(f"{name}-{case}").read_text("utf-8")), structure(page, name)
    assert found["roles"] == kept["roles"]
    for selector, boxes in kept["boxes"].items():
        assert len(found["boxes"][selector]) == len(boxes), selector
        for box, expected in zip(found["boxes"][selector], boxes, strict=True):
            assert box == pytest.approx(expected, abs=FONT_PX), selector


@PAGES
def test_list_has_the_structure_of_its_screenshots(page, api, language, device):
    show_jobs(page, api.show(*jobs(language)))

    compare(page, "jobs", f"{language}-{device}")


@PAGES
def test_viewer_has_the_structure_of_its_screenshots(page, tmp_path, language, device):
    listen(page, meeting(tmp_path))

    compare(page, "viewer", f"{language}-{device}")
