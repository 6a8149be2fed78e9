"""Use the jobs page in a real browser, from dropped recordings to the downloaded subtitles."""

import gzip
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Locator, Page, Route, expect
from pydantic import BaseModel
from werkzeug.wrappers import Request, Response

from asrcore.api import transcripts
from asrcore.api.models import (
    PartUrl,
    PartUrls,
    Stage,
    Upload,
    UploadedPart,
    UploadedRecording,
    UploadInParts,
    UploadProgress,
)
from asrcore.ports import StoredObject
from devstack.commands import PAGE_ON
from tests.browser.conftest import NO_WORDS, Opener, axe_violations, masked, words_of
from tests.browser.scenes import NOW, at_time
from tests.support.api_client import Caller
from tests.support.fake_services import World
from tests.support.listed_jobs import (
    FIRST,
    ListedJobs,
    as_json,
    completed,
    failed,
    listed,
    page_of,
    problem,
    waits,
    warned,
)
from tests.support.loopback import Loopback
from tests.support.pipeline import SYNC, world
from tests.support.pipeline import drop as dropped
from tests.support.sampled import exhaustive
from tests.support.scanned_stack import SearchedStack
from tests.support.simulator_control import Control
from tests.support.web import eventually

SAMPLES = Path(__file__).parents[2] / "samples"
LARGEST_BYTES = 60_000  # packed: the list, the transcript, texts in two languages, and 12 KB of samples


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[SearchedStack]:
    """Run the stack of `make local`, with fast vendors. tests/stack/test_first_hour.py reads the printed address."""
    with SearchedStack(PAGE_ON, region="ca-central-1", log_dir=tmp_path_factory.mktemp("logs")) as stack:
        yield stack


@pytest.fixture(scope="module")
def address(stack: SearchedStack) -> str:
    return stack.outputs["JobsPageUrl"]


@pytest.fixture
def simulators(stack: SearchedStack) -> Iterator[dict[str, Control]]:
    """Yield the simulated vendors, which the next test finds without this one's faults and options."""
    controls = {name: Control(url) for name, url in stack.simulators.items()}
    yield controls
    for control in controls.values():
        control.reset()


@pytest.fixture
def page(show: Opener, address: str) -> Page:
    return show(address)


@pytest.fixture(scope="module")
def api() -> Iterator[ListedJobs]:
    """Serve the page with jobs of the test's choice; a test that needs no stack uses it."""
    with ListedJobs() as api:
        yield api


def drop(page: Page, *files: Path | dict[str, object]) -> None:
    page.set_input_files("#files", list(files))


def recording(name: str, sample: str = "greeting.wav") -> dict[str, object]:
    """Return a sample as a file to choose. name: one that no other test uses, for all tests' jobs are in one list."""
    return {"name": name, "mimeType": "audio/wav", "buffer": (SAMPLES / sample).read_bytes()}


def drag(page: Page, *paths: Path) -> None:
    """Drop files and folders on the page, as from a file manager."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    session.detach()


def job(page: Page, name: str) -> Locator:
    return page.locator(".chunk tr").filter(has=page.get_by_text(name, exact=True))


def upload(page: Page, name: str) -> Locator:
    return page.locator("#uploads tr").filter(has=page.get_by_text(name, exact=True))


def choose(page: Page, **options: str) -> None:
    """Choose options of the next uploads, by the names of their lists."""
    page.get_by_role("button", name="Options").click()
    for name, value in options.items():
        page.locator("#options").get_by_label(name.title()).select_option(value)
    page.keyboard.press("Escape")


def act(page: Page, name: str, action: str) -> None:
    """Choose an action in the menu of a job."""
    job(page, name).get_by_role("button", name=f"{name}: Actions").click()
    page.get_by_role("menuitem", name=action).click()


def exported(stack: SearchedStack, name: str) -> bytes:
    """Return an export of the recording that was uploaded under a name."""
    s3 = stack.client("s3")
    listed = s3.list_objects_v2(Bucket=stack.transcript_bucket, Prefix="transcripts/incoming/auto/")["Contents"]
    (key,) = [each["Key"] for each in listed if each["Key"].endswith(f"/{name}")]
    return s3.get_object(Bucket=stack.transcript_bucket, Key=key)["Body"].read()


def listen_search_and_print(page: Page) -> None:
    """Use the transcript of news.mp3."""
    # Play it from a word.
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    page.locator(".said span").filter(has_text="今天").first.click()
    expect(page.locator(".said .now")).to_have_text("今天")
    page.evaluate("() => document.getElementById('player').play()")
    page.wait_for_function("at => document.getElementById('player').currentTime > at", arg=3)

    # Search across two utterances, and print: every utterance has its time.
    page.get_by_role("searchbox").fill("早上好今天")
    expect(page.locator("#count")).to_have_text("1 of 1")
    page.emulate_media(media="print")
    expect(page.locator("#turns")).to_contain_text("感谢收听")
    assert page.locator("#turns .time").evaluate_all("times => times.every((time) => time.checkVisibility())")
    expect(page.locator(".shell #switch")).to_be_hidden()
    page.emulate_media(media="screen")


def test_person_uploads_filters_retries_cancels_and_opens(show, stack, address, simulators, tmp_path):
    """Follow one person from dropped files to an archive of subtitles."""
    page = show(address)
    refused, slow = simulators["tencent-sentence"], simulators["abcpen-offline"]
    folder = tmp_path / "week 48"
    (folder / "friday").mkdir(parents=True)
    shutil.copy(SAMPLES / "story.ogg", folder / "friday" / "story.ogg")
    (folder / "notes.txt").write_text("no recording")

    # Drop five files and a folder.
    drag(
        page, *(SAMPLES / name for name in ("news.mp3", "meeting.wav", "hello.mp3", "call.wav", "lecture.m4a")), folder
    )
    for name in ("news.mp3", "meeting.wav", "hello.mp3", "call.wav", "lecture.m4a", "story.ogg"):
        expect(job(page, name)).to_contain_text("Completed")
    expect(page.locator("#uploads tr")).to_have_count(0)
    expect(job(page, "notes.txt")).to_have_count(0)

    # One fails and one is in progress.
    refused.fault(on="submit", about="refused.wav", code="FailedOperation.UserHasNoAmount")
    choose(page, vendor="tencent-sentence")
    drop(page, recording("refused.wav"))
    expect(job(page, "refused.wav")).to_contain_text("Failed")
    slow.options(turnaround_s=600)
    choose(page, vendor="abcpen-offline")
    drop(page, recording("long.wav", "meeting.wav"))
    expect(job(page, "long.wav")).to_contain_text("Recognizing")

    # Filter, and retry the failed one.
    page.get_by_role("link", name="Failed").click()
    expect(page).to_have_url(re.compile(r"#/jobs\?status=FAILED$"))
    expect(job(page, "news.mp3")).to_have_count(0)
    job(page, "refused.wav").get_by_role("button", name="refused.wav: Retry").click()
    expect(job(page, "refused.wav")).to_have_count(0)
    page.get_by_role("link", name="All", exact=False).first.click()
    expect(job(page, "refused.wav")).to_contain_text("Completed")

    # Cancel the one in progress.
    act(page, "long.wav", "Cancel")
    page.get_by_role("button", name="Cancel the job").click()
    expect(job(page, "long.wav")).to_contain_text("Failed")

    # Open one by its address in another browser profile.
    link = job(page, "news.mp3").get_by_role("link").get_attribute("href")
    colleague = show(f"{address}{link}", locale="en-US")
    expect(colleague.get_by_role("heading", level=1)).to_have_text("news.mp3")

    listen_search_and_print(colleague)
    colleague.get_by_role("link", name="All recordings").click()
    expect(job(colleague, "news.mp3")).to_be_visible()

    # Download three as an archive.
    for name in ("news.mp3", "meeting.wav", "story.ogg"):
        job(page, name).get_by_role("checkbox").check()
    page.get_by_label("Format").select_option("srt")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download", exact=True).click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["meeting.wav.srt", "news.mp3.srt", "story.ogg.srt"]
        kept = exported(stack, "news.mp3.srt")
        assert archive.read("news.mp3.srt") == kept


def test_failed_job_shows_its_reason_and_can_be_deleted(page):
    drop(page, {"name": "shopping list.mp3", "mimeType": "audio/mpeg", "buffer": "牛奶、鸡蛋".encode()})
    row = job(page, "shopping list.mp3")
    expect(row.locator(".bad")).to_contain_text("Failed: cannot be transcribed")
    expect(page.locator("#news")).to_contain_text("shopping list.mp3: Failed")
    row.get_by_role("button", name="What to do").click()
    expect(page.get_by_role("dialog", name="What to do")).to_contain_text("NotAudio")
    page.keyboard.press("Escape")

    act(page, "shopping list.mp3", "Delete…")
    page.get_by_role("button", name="Keep").click()
    expect(row).to_be_visible()
    act(page, "shopping list.mp3", "Delete…")
    page.get_by_role("button", name="Delete for ever").click()

    expect(row).to_have_count(0)


def test_error_and_warning_are_in_the_language_of_the_page(show, address):
    page = show(address, locale="zh-CN")
    page.get_by_role("button", name="选项").click()
    page.locator("#with-vendor").select_option("tencent-sentence")
    page.locator("#with-speakers").select_option("2")
    chinese = "[\u4e00-\u9fff]"

    drop(page, recording("warned.wav"))
    drop(page, {"name": "list.mp3", "mimeType": "audio/mpeg", "buffer": "牛奶".encode()})

    error = job(page, "list.mp3").locator(".bad")
    expect(error).to_have_text(re.compile(f"失败：.*{chinese}"))
    job(page, "warned.wav").get_by_role("button", name="警告").click()
    expect(page.locator("#advice p")).to_have_text(re.compile(chinese))
    page.keyboard.press("Escape")
    page.get_by_label("页面语言").select_option("en")
    expect(error).not_to_have_text(re.compile(chinese))
    job(page, "warned.wav").get_by_role("button", name="Warnings").click()
    expect(page.locator("#advice p")).not_to_have_text(re.compile(chinese))


def test_file_name_with_markup_is_shown_as_text(page):
    name = "<img src=x onerror=alert(1)>&amp;\u202e会议.wav"

    drop(page, recording(name))

    expect(page.locator(".chunk .name").filter(has_text="会议.wav")).to_have_count(1)
    expect(page.locator("img")).to_have_count(0)


def test_part_is_put_to_the_bucket_by_its_url(page):
    """Upload in parts as for a large file; the only part is the last one, which may be small."""

    def in_parts(route: Route) -> None:
        route.continue_(post_data=json.dumps({**route.request.post_data_json, "in_parts": True}))

    page.route("**/uploads", in_parts)
    drop(page, recording("in parts.wav"))

    expect(job(page, "in parts.wav")).to_contain_text("Completed")


def test_sample_and_microphone_are_transcribed(show, address):
    page = show("about:blank")
    # Nothing was uploaded so far.
    page.route("**/jobs?limit=*", lambda route: route.fulfill(json=as_json(page_of())))
    page.goto(address)
    page.get_by_role("button", name="Try a sample").click()
    page.unroute_all()
    expect(job(page, "sample.ogg")).to_contain_text("Completed")

    page.get_by_role("button", name="Record").click()
    expect(page.locator("#recorded")).to_have_text(re.compile("Recording: (?!1 sec$)"))
    page.get_by_role("button", name="Stop and transcribe").click()

    expect(page.locator(".chunk tr").filter(has_text=".webm")).to_contain_text("Completed")


def test_token_is_requested_on_401_and_sent_to_the_api_only(show, address):
    asked: list[tuple[str, str | None]] = []

    def guarded(route: Route) -> None:
        token = route.request.headers.get("authorization")
        asked.append((route.request.url, token))
        if token == "Bearer abc":
            route.fallback()
        else:
            route.fulfill(status=200 if route.request.url == address else 401, json={"message": "Unauthorized"})

    page = show("about:blank", own=True, expected="401")
    page.context.route(lambda url: url.startswith(address) and url != address, guarded)
    page.context.on("request", lambda request: asked.append((request.url, request.headers.get("authorization"))))
    page.goto(address)
    expect(page.locator("#news")).to_have_text("This API needs an access token.")

    page.get_by_label("Access token").fill("abc")
    page.get_by_role("button", name="Sign in").click()
    drop(page, recording("with a token.wav"))

    expect(job(page, "with a token.wav")).to_contain_text("Completed")
    assert {token for url, token in asked if not url.startswith(address)} == {None}
    assert "abc" not in page.url


@dataclass
class Bucket(Loopback):
    """Serve the transcript bucket at its own origin. It admits one origin's GET and rejects a second token, like S3."""

    objects: Mapping[str, bytes] = field(default_factory=dict)
    lets_in: str = ""
    got: list[tuple[str, str | None]] = field(default_factory=list)

    def presign(self, stored: StoredObject, file_name: str) -> str:
        return self.at(f"/{quote(stored.key)}")

    def answer_to(self, request: Request) -> Response:
        self.got.append((request.method, request.headers.get("Authorization")))
        if request.method != "GET" or "Authorization" in request.headers:
            return Response(status=403)
        is_let_in = request.headers.get("Origin") == self.lets_in
        return Response(
            self.objects[request.path[1:]], headers={"Access-Control-Allow-Origin": self.lets_in} if is_let_in else {}
        )


@dataclass
class Gateway(Loopback):
    """Serve the HTTP API of a unit test's services, behind a gateway that requires a token for all but the page."""

    world: World = field(default_factory=world)

    def answer_to(self, request: Request) -> Response:
        if request.path != "/" and request.headers.get("Authorization") != "Bearer abc":
            return Response('{"message": "Unauthorized"}', status=401)
        told = Caller(self.world).call(request.method, request.full_path)
        return Response(told.body, status=told.status, headers=dict(told.headers))


def test_large_files_are_downloaded_from_their_bucket(show, monkeypatch):
    monkeypatch.setattr(transcripts, "LARGEST_ANSWER_BYTES", 0)
    with Bucket() as bucket, Gateway(world=world("done", vendors=(SYNC,))) as api:
        api.world.exports = ("html",)
        bucket.objects, api.world.transcripts.presign = api.world.results, bucket.presign
        key = dropped(api.world).transcript_key
        bucket.lets_in = api.at("")
        page = show(api.at("/"), expected="401")
        page.get_by_label("Access token").fill("abc")
        page.get_by_role("button", name="Sign in").click()

        for form, kept in (("JSON", key), ("HTML", f"{key.removesuffix('.json')}.html")):
            page.get_by_role("button", name=": Actions").click()
            with page.expect_download() as saved:
                page.get_by_role("menuitem", name=form).click()

            assert Path(saved.value.path()).read_bytes() == bucket.objects[kept]

        assert bucket.got == [("GET", None)] * 2


SOME = (
    listed("board meeting.m4a", typical_s=95.0, elapsed_s=40.0),
    listed("interview.wav", nth=1, status="QUEUED", stage="waiting_for_slot", vendor="abcpen", waiting=waits("Waits.")),
    failed("shopping list.mp3", "shopping list.mp3 is no recording. Convert it.", nth=2),
    completed("news.mp3", nth=3, vendor="tencent-sentence", length_s=22.5, warnings=[warned("Speakers are unknown.")]),
    completed("lecture 10.m4a", nth=4, length_s=3725.0, usd=1.5),
    completed("lecture 9.m4a", nth=5, length_s=60.0, usd=0.5),
)


def scroll_to_end(page: Page, count: int) -> None:
    """Scroll down until the list has so many jobs, and its last rows are shown."""
    page.wait_for_function(
        """count => {
          scrollTo(0, document.body.scrollHeight);
          return document.querySelector(`[aria-rowindex="${count + 1}"]`);
        }""",
        arg=count,
    )


def expect_names(page: Page, names: Mapping[int, str]) -> None:
    """Wait until the rows of these numbers, from 0, have these names."""
    for nth, name in names.items():
        expect(page.locator(".chunk .name").nth(nth)).to_have_text(name)


def test_row_has_name_length_time_state_vendor_and_cost(show, api):
    page = show(api.show(*SOME), first=at_time(NOW), timezone_id="UTC")

    cells = page.locator(".chunk tr").nth(3).locator("th, td")
    expect(cells).to_have_text(
        ["", "news.mp3", "0:23", re.compile("Nov 30.* 08:39"), "Completed⚠", "Tencent, sentence", "$0.0123", "⋯"]
    )
    expect(page.locator(".chunk tr").nth(4).locator(".length")).to_have_text("1:02:05")
    running = job(page, "board meeting.m4a")
    expect(running).to_contain_text("40 sec of usually 1 min, 35 sec")
    assert running.get_by_role("progressbar").evaluate("bar => bar.value") == pytest.approx(40 / 95)
    expect(job(page, "interview.wav")).to_contain_text("Waits.")
    heights = page.locator(".chunk tr").evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert set(heights) == {40}

    page.set_viewport_size({"width": 390, "height": 800})
    phone = job(page, "news.mp3")
    expect(phone.locator(".vendor")).to_be_visible()
    expect(phone.locator(".created .narrow")).to_have_text(re.compile("^08:39"))
    expect(phone.locator(".created .wide")).to_be_hidden()


def test_filters_and_tabs_are_in_the_address(show, api):
    page = show(api.show(*SOME))

    page.get_by_role("link", name="Completed").click()
    # Each filter is in the address, and shown, before the next one changes: the fields show what the address has.
    expect(page.get_by_role("link", name="Completed")).to_have_attribute("aria-current", "page")
    page.get_by_label("Only recordings with this in their name").fill("lecture ")
    expect(page).to_have_url(re.compile("name=lecture$"))
    expect(page.get_by_label("Only recordings with this in their name")).to_have_value("lecture ")  # to type on
    page.get_by_label("Only recordings of this vendor").select_option("volcengine-bigmodel")
    expect(page).to_have_url(re.compile("vendor=volcengine-bigmodel$"))
    with page.expect_response("**/jobs?*&from=*"):
        page.get_by_label("From").fill("2026-11-30")

    expect(page.locator(".chunk tr")).to_have_count(2)
    expect(page).to_have_url(
        re.compile(r"#/jobs\?status=COMPLETED&name=lecture&vendor=volcengine-bigmodel&from=2026-11-30$")
    )
    start = page.evaluate("() => new Date('2026-11-30T00:00').toISOString()")
    wanted = {"status": "COMPLETED", "name": "lecture", "vendor": "volcengine-bigmodel", "from": start, "limit": "50"}
    assert wanted in api.queries
    show.reload()
    expect(page.locator(".chunk tr")).to_have_count(2)
    expect(page.get_by_role("link", name="Completed")).to_have_attribute("aria-current", "page")
    page.get_by_label("Only recordings with this in their name").fill("no such name")
    expect(page.locator("#none")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(".chunk tr")).to_have_count(6)
    page.go_back()
    expect(page.locator("#none")).to_be_visible()


def test_tabs_have_counts_and_the_month_its_totals(show, api):
    page = show(api.show(*SOME))

    expect(page.get_by_role("navigation", name="State").get_by_role("link")).to_have_text(
        ["All6", "Queued1", "In progress1", "Completed3", "Failed1"]
    )
    expect(page.locator("#totals")).to_have_text("November: 12.3 h, $9.50")


def test_columns_sort_all_jobs(show, api):
    page = show(api.show(*SOME, *(completed(f"old {nth}", nth=nth, usd=0.1) for nth in range(10, 130))))
    expect(page.locator("#head .created")).to_have_attribute("aria-sort", "descending")
    expect(page.locator(".chunk .name").first).to_have_text("board meeting.m4a")

    page.get_by_role("button", name="Cost").click()
    expect(page.locator("#head .cost")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#jobs")).to_have_attribute("aria-rowcount", "127")
    expect_names(page, {0: "lecture 10.m4a", 1: "lecture 9.m4a"})

    page.get_by_role("button", name="Name").click()
    expect(page.locator("#head .name")).to_have_attribute("aria-sort", "ascending")
    expect_names(page, {2: "lecture 9.m4a", 3: "lecture 10.m4a"})
    expect(page).to_have_url(re.compile(r"#/jobs\?sort=name$"))


def test_scrolling_loads_older_jobs_and_keeps_few_rows(show, api):
    page = show(api.show(*(completed(f"{nth}.wav", nth=nth) for nth in range(260))))

    scroll_to_end(page, 260)
    expect(job(page, "259.wav")).to_be_visible()

    page.wait_for_function("() => document.querySelectorAll('.chunk tr').length <= 200")
    expect(job(page, "259.wav")).to_have_attribute("aria-rowindex", "261")
    page.evaluate("() => scrollTo(0, 0)")
    expect(job(page, "0.wav")).to_be_visible()


def test_refresh_keeps_focus_and_shows_changes(show, api):
    page = show(api.show(*SOME))
    menu = job(page, "interview.wav").get_by_role("button", name="Actions")
    menu.focus()

    done = completed("interview.wav", nth=1, updated_at="2026-11-30T09:20:00Z")
    api.jobs = [listed("new.wav", nth=99, created_at="2026-11-30T09:40:00Z"), SOME[0], done, *SOME[3:]]

    expect(job(page, "interview.wav")).to_contain_text("Completed")
    expect(job(page, "new.wav")).to_be_visible()
    expect(job(page, "shopping list.mp3")).to_have_count(0)
    expect(page.locator("#news")).to_have_text("interview.wav: Completed")
    expect(menu).to_be_focused()
    expect_names(page, {0: "new.wav", 1: "board meeting.m4a"})


def test_elapsed_time_passes_while_nothing_changes(show, api):
    page = show(api.show(*SOME), first=at_time(NOW), timezone_id="UTC")
    row = job(page, "board meeting.m4a")
    expect(row).to_contain_text("40 sec of usually")

    page.evaluate("() => { now += 31_000; }")

    expect(row).to_contain_text("1 min, 11 sec of usually")


@pytest.mark.parametrize(("status", "count"), [(404, 0), (429, 1)])
def test_open_job_of_a_later_page_stays_unless_it_is_gone(show, api, status, count):
    page = show("about:blank", expected="Failed to load resource")
    older = listed("old.wav", nth=60)
    page.route(f"**{older.links.self}", lambda route: route.fulfill(status=status, json=as_json(problem(status, "no"))))
    page.goto(api.show(*(completed(f"{nth}.wav", nth=nth) for nth in range(60)), older))
    with page.expect_response(f"**{older.links.self}"):
        scroll_to_end(page, 61)

    expect(page.locator("#jobs")).to_have_attribute("aria-rowcount", f"{61 + count}")


def test_selected_jobs_are_downloaded_retried_and_deleted(show, api):
    page = show(api.show(*SOME, failed("list.mp3", "no", nth=6), completed("news.mp3", nth=7)))
    expect(page.locator(".chunk tr")).to_have_count(8)
    page.get_by_label("Select all").check()
    expect(page.locator("#selected")).to_have_text("8 selected")

    page.get_by_label("Format").select_option("txt")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download", exact=True).click()
    assert saved.value.suggested_filename == "transcripts.txt.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.testzip() is None
        files = {"news.mp3.txt", "news.mp3 (2).txt", "lecture 10.m4a.txt", "lecture 9.m4a.txt"}
        assert set(archive.namelist()) == {name.replace(".mp3 (2).txt", ".mp3 (2).txt") for name in files}
        assert archive.read("lecture 9.m4a.txt") == b"what lecture 9.m4a says"

    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator("#selection")).to_be_hidden()
    expect(job(page, "list.mp3")).to_contain_text("New")
    assert [call for call in api.calls if "redrive" in call] == [f"POST /jobs/{nth:032x}/redrive" for nth in (2, 6)]

    for name in ("lecture 9.m4a", "lecture 10.m4a"):
        job(page, name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 recordings")
    page.get_by_role("button", name="Delete for ever").click()
    expect(job(page, "lecture 9.m4a")).to_have_count(0)
    assert [call for call in api.calls if call.startswith("DELETE")] == [f"DELETE /jobs/{nth:032x}" for nth in (4, 5)]


def test_offline_message_is_removed_when_the_api_answers(show, api):
    page = show("about:blank", expected="Failed to load resource")
    page.route("**/jobs?limit=*", lambda route: route.abort())
    page.goto(api.show(*SOME))
    expect(page.locator("#news.bad")).to_have_text("The API cannot be reached; retrying.")

    page.unroute_all()

    expect(page.locator("#news")).to_be_empty()
    expect(page.locator(".chunk tr")).to_have_count(6)


def test_rejected_action_keeps_its_message(show, api):
    page = show(api.show(*SOME), expected="Failed to load resource")
    page.route(
        "**/jobs/*", lambda route: route.fulfill(status=409, json=as_json(problem(409, "the job is in progress")))
    )
    act(page, "news.mp3", "Delete…")
    page.get_by_role("button", name="Delete for ever").click()
    expect(page.locator("#news.bad")).to_have_text("the job is in progress")

    with page.expect_response("**/jobs?limit=*"):
        page.get_by_role("link", name="Completed").click()
    expect(page.locator(".chunk tr")).to_have_count(3)

    expect(page.locator("#news.bad")).to_have_text("the job is in progress")


@pytest.mark.parametrize(
    ("locale", "content", "told"),
    [
        pytest.param("en-US", b"", "notes.wav is empty.", id="empty"),
        pytest.param("zh-CN", b"", "notes.wav 是空文件。", id="empty-in-chinese"),
        pytest.param("en-US", b"RIFF", "The API cannot be reached. Retry later.", id="no-network"),
        pytest.param("zh-CN", b"RIFF", "无法连接 API，请稍后重试。", id="no-network-in-chinese"),
    ],
)
def test_failed_upload_shows_its_reason(show, api, locale, content, told):
    page = show(api.show(), locale=locale, expected="Failed to load resource")
    page.route("**/uploads", lambda route: route.abort())

    drop(page, {"name": "notes.wav", "mimeType": "audio/wav", "buffer": content})

    expect(page.locator("#uploads .bad")).to_have_text(told)


def test_upload_is_a_row_that_can_be_cancelled_and_retried(show, api):
    page = show(api.show(), expected="Failed to load resource")
    page.route("**/uploads", lambda route: route.abort())
    drop(page, {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"RIFF"})
    row = upload(page, "a.wav")
    expect(row).to_contain_text("The API cannot be reached.")
    page.unroute_all()
    page.route("**/uploads", lambda _route: None)  # the API does not answer

    row.get_by_role("button", name="a.wav: Retry").click()
    expect(row.get_by_role("progressbar", name="a.wav")).to_be_visible()
    expect(row).to_contain_text("Uploading, 0%")
    row.get_by_role("button", name="a.wav: Cancel").click()

    expect(row).to_have_count(0)


class Parts:
    """The routes of an upload in three parts of 4 bytes, and S3's. broken: the part that S3 does not accept."""

    def __init__(self, page: Page, api: ListedJobs, broken: int = 0) -> None:
        self.broken, self.put, self.calls, self._held = broken, {}, [], []
        self._at = api.at
        key = "incoming/auto/k.wav"
        self._stored = UploadedRecording(key=key, job_id="0" * 32, job=f"/jobs?key={key}")
        page.route("**/uploads", self._create)
        page.route("**/uploads/u1**", self._answer)
        page.route("**/put/*", self._store)

    def _create(self, route: Route) -> None:
        self.calls.append("create")
        multipart = UploadInParts(upload_id="u1", part_bytes=4, parts=3)
        ticket = Upload(
            url=None, fields=None, multipart=multipart, max_bytes=10**9, expires_at=FIRST, **self._stored.model_dump()
        )
        route.fulfill(json=as_json(ticket))

    def _answer(self, route: Route) -> None:
        action = f"{route.request.method} {route.request.url.rpartition('u1')[2]}"
        self.calls.append(action)
        answer: BaseModel = self._stored
        if action == "POST /parts":
            (number,) = route.request.post_data_json["numbers"]
            url = PartUrl(number=number, url=self._at(f"/put/{number}"), size_bytes=4)
            answer = PartUrls(urls=[url], expires_at=FIRST)
        elif action == "GET ":
            uploaded = [UploadedPart(number=number, size_bytes=len(part)) for number, part in self.put.items()]
            answer = UploadProgress(key=self._stored.key, size_bytes=10, part_bytes=4, parts=3, uploaded=uploaded)
        route.fulfill(json=as_json(answer))

    def _store(self, route: Route) -> None:
        number = int(route.request.url.rpartition("/")[2])
        if number == self.broken:
            self._held.append(route)
        else:
            self.put[number] = route.request.post_data_buffer
            route.fulfill(status=200)
        while self._held and len(self.put) == 2:  # the others are stored
            self._held.pop().abort()


def test_folder_is_walked_and_other_files_are_counted(show, api, tmp_path):
    page = show(api.show())
    page.route("**/uploads", lambda _route: None)  # the API does not answer, so no upload starts
    (tmp_path / "calls" / "friday").mkdir(parents=True)
    for name in ("a.wav", "friday/b.m4a", "notes.txt", ".hidden.wav"):
        (tmp_path / "calls" / name).write_bytes(b"RIFF")

    page.set_input_files("#folder", tmp_path / "calls")

    expect(page.locator("#uploads tr")).to_have_count(2)
    expect(upload(page, "b.m4a")).to_be_visible()
    expect(page.locator("#news")).to_have_text("Files that are no recordings were left out: 2.")


def test_upload_in_parts_sends_what_is_missing_when_retried(show, api):
    page = show(api.show(), expected="Failed to load resource")
    parts = Parts(page, api, broken=2)
    drop(page, {"name": "large.wav", "mimeType": "audio/wav", "buffer": b"0123456789"})
    row = upload(page, "large.wav")
    expect(row).to_contain_text("The upload was interrupted.")
    assert parts.put == {1: b"0123", 3: b"89"}
    parts.broken, parts.calls = 0, []

    row.get_by_role("button", name="Retry").click()
    expect(row).to_contain_text("Uploaded")

    assert parts.put[2] == b"4567"
    assert parts.calls == ["GET ", "POST /parts", "POST /complete"]


@pytest.mark.parametrize("silent", ["**/put/*", "**/uploads"], ids=["sending", "asking"])
def test_cancelled_upload_in_parts_is_aborted(show, api, silent):
    """Cancel while S3 does not answer, and before the API does."""
    page = show(api.show())
    parts, held = Parts(page, api), []
    page.route(silent, lambda route: held.append(route))  # noqa: PLW0108 - Playwright wraps no built-in method
    with page.expect_request(silent):
        drop(page, {"name": "large.wav", "mimeType": "audio/wav", "buffer": b"0123456789"})

    with page.expect_request(lambda request: request.method == "DELETE"):
        upload(page, "large.wav").get_by_role("button", name="Cancel").click()
        if silent == "**/uploads":
            held[0].fallback()

    assert "POST /complete" not in parts.calls


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        pytest.param("en-US", "Uploading, 0%; the audio of the video will be extracted", id="english"),
        pytest.param("zh-CN", "正在上传 0%，将提取视频中的声音", id="chinese"),
    ],
)
def test_video_upload_says_that_its_audio_is_extracted(show, api, locale, told):
    page = show(api.show(), locale=locale)
    page.route("**/uploads", lambda _route: None)  # the API does not answer, so no upload starts

    drop(page, {"name": "clip.mov", "mimeType": "video/quicktime", "buffer": b"a video"})

    expect(page.locator("#uploads .said")).to_have_text(told)


def test_row_and_menu_work_by_keyboard(show, api):
    page = show(api.show(*SOME))
    job(page, "news.mp3").get_by_role("button", name="news.mp3: Actions").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="TXT")).to_be_focused()
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename == "news.mp3.txt"
    expect(page.locator("#menu")).to_be_hidden()

    page.get_by_role("link", name="news.mp3").focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"#/jobs/{3:032x}$"))


def test_click_on_a_row_opens_its_transcript(show, api):
    page = show(api.show(*SOME))
    job(page, "board meeting.m4a").locator(".length").click()
    expect(page).to_have_url(api.at("/"))

    job(page, "news.mp3").locator(".length").click()

    expect(page).to_have_url(re.compile(f"#/jobs/{3:032x}$"))
    page.go_back()
    expect(job(page, "news.mp3")).to_be_visible()
    expect(page).to_have_title("Recordings")


def states(page: Page, api: ListedJobs) -> Iterator[str]:
    """Bring the page into each of its states, and yield their names."""
    page.route("**/uploads", lambda route: route.abort() if "bad.wav" in (route.request.post_data or "") else None)
    for name in ("waits.wav", "bad.wav"):
        drop(page, {"name": name, "mimeType": "audio/wav", "buffer": b"RIFF"})
    expect(page.locator("#uploads .bad")).to_be_visible()
    page.locator(".chunk input").nth(1).check()
    yield "rows, uploads and a selection"
    page.locator("#options-button").click()
    expect(page.locator("#with-vendor")).to_be_focused()
    yield "options"
    page.keyboard.press("Escape")
    page.locator(".chunk tr").nth(3).locator(".menu button").click()
    yield "menu"
    page.keyboard.press("Escape")
    page.locator(".chunk tr").nth(2).locator(".state button").last.click()
    yield "advice"
    page.keyboard.press("Escape")
    page.locator("#bulk-delete").click()
    yield "question"
    page.locator("#refuse").click()
    page.locator("#record").click()
    yield "recorder"
    page.locator("#discard").click()
    page.goto(f"{api.at('/')}#/jobs?name=nothing")
    expect(page.locator("#none")).to_be_visible()
    yield "nothing matches"
    page.locator("#uploads button").first.click()
    page.locator("#uploads button").first.click()
    api.jobs = []
    page.goto(f"{api.at('/')}#/jobs")
    expect(page.locator("#empty")).to_be_visible()
    yield "empty"
    page.locator("#sign-in").evaluate("form => { form.hidden = false; }")
    yield "sign in"


@pytest.mark.parametrize(
    ("scheme", "locale", "width"),
    [
        ("light", "en-US", 1280),
        ("dark", "zh-TW", 320),
        exhaustive("dark", "zh-CN", 1280),
        exhaustive("dark", "en-US", 390),
        exhaustive("light", "zh-TW", 320),
    ],
)
def test_every_state_passes_axe_and_fits_the_screen(show, api, scheme, locale, width):
    page = show(
        api.show(*SOME),
        viewport={"width": width, "height": 700},
        color_scheme=scheme,
        locale=locale,
        expected="Failed to load resource",
    )
    expect(page.locator(".chunk tr")).to_have_count(6)
    for state in states(page, api):
        assert axe_violations(page) == [], state
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, state


def test_page_is_chinese_in_a_chinese_browser(show, api):
    page = show(api.show(*SOME), locale="zh-CN")

    expect(page.get_by_role("heading", level=1)).to_have_text("录音转写")
    expect(job(page, "news.mp3")).to_contain_text("腾讯一句话识别")
    expect(job(page, "news.mp3")).to_contain_text("¥0.0873")


def test_switch_changes_language_of_page_and_api(show, api):
    page = show(api.show(), viewport={"width": 1000, "height": 700})
    page.route("**/uploads", lambda route: route.abort())
    drop(page, {"name": "notes.wav", "mimeType": "audio/wav", "buffer": b""})
    expect(page.locator("#uploads .bad")).to_have_text("notes.wav is empty.")

    with page.expect_request(lambda request: request.headers.get("accept-language") == "zh-CN"):
        page.get_by_label("Language of this page").select_option("zh-CN")

    expect(page).to_have_title("录音转写")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#uploads .bad")).to_have_text("notes.wav 是空文件。")
    show.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("录音转写")


def test_options_are_of_the_vendor_and_remembered(show, api):
    page = show(api.show(), own=True)
    language = page.locator("#with-language")
    choose(page, language="yue-CN", vendor="volcengine")
    expect(language).to_have_value("yue-CN")
    assert {"Cantonese", "Shanghainese", "Sichuanese"} <= set(language.locator("option").all_text_contents())

    later = page.context.new_page()

    def remembered() -> bool:  # Chromium stores what a page writes a while later
        later.goto(page.url)
        return later.locator("#with-language").input_value() == "yue-CN"

    assert eventually(remembered)
    choose(page, vendor="abcpen")
    expect(language).to_have_value("")


def test_every_text_of_the_jobs_page_is_of_the_catalogue(show, api):
    """Replace the texts that the page carries by others: no word remains that is not data."""
    page = show("about:blank", first=NO_WORDS, expected="Failed to load resource")
    jobs = [
        listed("0", typical_s=9, vendor="0"),
        completed("0", nth=1, warnings=[warned("0")]),
        failed("0", "0", nth=2, code="0"),
        *(listed("0", nth=3 + nth, stage=stage) for nth, stage in enumerate(Stage)),
    ]

    def mask(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=masked(answer.text()))

    address = api.show(*jobs)
    page.route(address, mask)
    page.goto(address)
    expect(page.locator(".chunk tr")).to_have_count(len(jobs))

    for state in states(page, api):
        assert words_of(page) <= {"wav", "bad", "waits"}, state


def test_page_is_small_and_loads_nothing_external(page, address):
    answer = page.request.get(address)

    assert answer.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(answer.body())) < LARGEST_BYTES
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy  # for its icon, without which a browser requests /favicon.ico
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"


class OtherSite(Loopback):
    """A page of another site: another port of this machine is another origin."""

    def answer_to(self, request: Request) -> Response:
        return Response("<title>another site</title>", content_type="text/html")


SENDS = """async ([url, body, headers]) => {
  const request = { method: "POST", mode: headers ? "cors" : "no-cors", body, headers: headers ?? {} };
  return fetch(url, request).then(({ type }) => type, ({ message }) => message);
}"""


def test_page_of_another_site_changes_and_reads_nothing(show, stack, address):
    aws, key = stack.aws_endpoint_url, "incoming/auto/of-another-site.wav"
    signed = f"AWS4-HMAC-SHA256 Credential={stack.credential}/20260101/us-east-1/secretsmanager/aws4_request"
    sent = {
        "a job": (f"{address}jobs", '{"source": "https://recordings.example.com/of-another-site.mp3"}', None),
        "an upload": (f"{address}uploads", '{"name": "a.wav"}', None),
        "an object": (f"{aws}/{stack.audio_bucket}/{key}", "recording", None),
        "a reset": (f"{aws}/moto-api/reset", "", None),
        "a secret, with the access key": (
            f"{aws}/",
            '{"SecretId": "asrcore-VendorSecret"}',
            {"X-Amz-Target": "secretsmanager.GetSecretValue", "Authorization": signed},
        ),
    }

    with OtherSite() as site:
        page = show(site.at("/"), expected="Failed to load resource|blocked by CORS policy")
        got = {what: page.evaluate(SENDS, request) for what, request in sent.items()}
        origin = {"Origin": site.at("").rstrip("/")}
        answers = {what: requests.post(url, body, headers=origin, timeout=60) for what, (url, body, _) in sent.items()}

    assert got == {**dict.fromkeys(sent, "opaque"), "a secret, with the access key": "Failed to fetch"}
    assert {(each.status_code, each.text) for each in answers.values()} == {
        (403, "this origin is not the local stack's")
    }
    s3 = stack.client("s3")  # after a reset there were no bucket
    stored = [each["Key"] for each in s3.list_objects_v2(Bucket=stack.audio_bucket).get("Contents", [])]
    assert [name for name in stored if "of-another-site" in name] == []


@pytest.mark.parametrize("port", ["api", "aws"])
def test_name_that_was_rebound_to_this_machine_is_refused(stack, address, port):
    url = f"{address}jobs" if port == "api" else f"{stack.aws_endpoint_url}/{stack.audio_bucket}"

    answer = requests.get(url, headers={"Host": "rebound.example.com"}, timeout=60)

    assert (answer.status_code, answer.text) == (403, "this host is not the local stack's")
