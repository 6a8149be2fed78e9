"""Use the jobs page in a real browser, from the address that `make local` prints to the downloaded subtitles."""

import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from werkzeug.wrappers import Request, Response

from asrcore.api import transcripts
from asrcore.api.models import Stage
from asrcore.ports import StoredObject
from tests.browser.conftest import NO_WORDS, masked, words_of
from tests.support.api_client import Caller
from tests.support.command_stack import CommandStack, reported
from tests.support.fake_services import World
from tests.support.loopback import Loopback
from tests.support.pipeline import SYNC, world
from tests.support.pipeline import drop as dropped
from tests.support.process import running

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
UP_S = 180
LARGEST_BYTES = 40_000
Opener = Callable[..., Page]


@contextmanager
def make_local(folder: Path) -> Iterator[str]:
    """Yield the output of a running `make local`."""
    said, command = folder / "said", [sys.executable, "-m", "devstack", "local"]
    environment = {**os.environ, "DEVSTACK_FOLDER": str(folder)}
    with said.open("w") as to, running(command, cwd=ROOT, env=environment, stdout=to, stderr=to) as process:
        deadline = time.monotonic() + UP_S
        while "Ctrl-C stops everything" not in said.read_text():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        yield said.read_text()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Run `make local`; yield the address that it prints first, and the stack."""
    folder = tmp_path_factory.mktemp("local")
    with make_local(folder) as printed, reported(CommandStack(folder)) as stack:
        yield re.search(r"The jobs page: (http\S+)", printed)[1], stack


@pytest.fixture
def page(show: Opener, local) -> Page:
    return show(local[0])


def drop(page: Page, *files: Path | dict[str, object]) -> None:
    page.set_input_files("#files", list(files))


def job(page: Page, name: str):
    return page.locator("#jobs > li").filter(has=page.get_by_text(name, exact=True))


def test_dropped_recording_is_transcribed_and_opens_in_viewer(page, local, tmp_path):
    _, stack = local
    s3 = stack.client("s3")

    drop(page, SAMPLES / "news.mp3")
    expect(page.get_by_role("progressbar", name="news.mp3")).to_be_visible()
    card = job(page, "news.mp3")
    expect(card).to_contain_text("Completed")
    expect(page.locator("#uploads > li")).to_have_count(0)

    card.get_by_role("link", name="news.mp3: Open").click()
    expect(page.locator("#view")).to_contain_text("早上好")
    page.go_back()
    # and download the subtitles
    for name in ("srt", "vtt"):
        with page.expect_download() as saved:
            card.get_by_role("button", name=f"news.mp3: {name.upper()}").click()
        listed = s3.list_objects_v2(Bucket=stack.transcript_bucket, Prefix="transcripts/incoming/auto/")["Contents"]
        (key,) = [each["Key"] for each in listed if each["Key"].endswith(f"/news.mp3.{name}")]
        assert saved.value.suggested_filename == f"news.mp3.{name}"
        body = s3.get_object(Bucket=stack.transcript_bucket, Key=key)["Body"].read()
        assert Path(saved.value.path()).read_bytes() == body


def test_failed_job_shows_its_error_and_can_be_deleted(page):
    drop(page, {"name": "shopping list.mp3", "mimeType": "audio/mpeg", "buffer": "牛奶、鸡蛋".encode()})
    card = job(page, "shopping list.mp3")
    expect(card.locator(".why")).to_contain_text("NotAudio")
    expect(page.locator("#news")).to_contain_text("shopping list.mp3: Failed")

    card.get_by_role("button", name="Delete").click()
    card.get_by_role("button", name="Delete for ever").click()

    expect(card).to_have_count(0)


def test_error_and_warning_are_in_the_language_of_the_page(show, local):
    page = show(local[0], locale="zh-CN")
    page.get_by_label("识别厂商").select_option("tencent-sentence")
    page.get_by_label("说话人").select_option("2")
    chinese = "[\u4e00-\u9fff]"

    drop(page, {"name": "warned.wav", "mimeType": "audio/wav", "buffer": (SAMPLES / "greeting.wav").read_bytes()})
    drop(page, {"name": "list.mp3", "mimeType": "audio/mpeg", "buffer": "牛奶".encode()})

    error = job(page, "list.mp3").locator(".why p")
    warning = job(page, "warned.wav").locator(".warnings p")
    expect(error).to_have_text(re.compile(f"{chinese}.*（NotAudio）"))
    expect(warning).to_have_text(re.compile(chinese))
    page.get_by_label("页面语言").select_option("en")
    for each in (error, warning):
        expect(each).not_to_have_text(re.compile(chinese))
        expect(each).to_have_text(re.compile("[a-z]{3}"))


def test_several_files_are_uploaded_with_vendor_and_speakers(page):
    page.get_by_label("Vendor").select_option("volcengine-bigmodel")
    page.get_by_label("Speakers").select_option("2")

    drop(page, SAMPLES / "call.wav", SAMPLES / "greeting.wav")

    for name in ("call.wav", "greeting.wav"):
        expect(job(page, name)).to_contain_text("Completed · Volcengine large model · in")


def test_file_name_with_markup_is_shown_as_text(page):
    name = "<img src=x onerror=alert(1)>&amp;\u202e会议.wav"

    drop(page, {"name": name, "mimeType": "audio/wav", "buffer": (SAMPLES / "greeting.wav").read_bytes()})

    expect(page.locator("#jobs .name").filter(has_text="会议.wav")).to_have_count(1)
    expect(page.locator("img")).to_have_count(0)


def test_dragged_file_is_uploaded(page):
    content = list((SAMPLES / "greeting.wav").read_bytes())

    page.evaluate(
        """content => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(content)], "dragged.wav", { type: "audio/wav" }));
          document.getElementById("drop").dispatchEvent(
            new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: carried }));
        }""",
        content,
    )

    expect(job(page, "dragged.wav")).to_contain_text("Completed")


def test_status_filter_shows_only_matching_jobs(page):
    drop(page, {"name": "nothing.mp3", "mimeType": "audio/mpeg", "buffer": b"nothing"})
    expect(job(page, "nothing.mp3")).to_contain_text("Failed")

    page.get_by_label("Only jobs in this state").select_option("FAILED")

    expect(page.locator("#jobs > li .good")).to_have_count(0)
    expect(job(page, "nothing.mp3")).to_be_visible()


def test_more_button_loads_older_jobs(page, local):
    _, stack = local
    drop(page, {"name": "old.mp3", "mimeType": "audio/mpeg", "buffer": b"old"})
    expect(job(page, "old.mp3")).to_contain_text("Failed")
    table = stack.client("dynamodb")
    (row, *_) = table.scan(TableName=stack.jobs_table, FilterExpression="attribute_exists(recency)")["Items"]
    moment = row["recency"]["S"].partition("#")[0]
    for job_id in (uuid.uuid4().hex for _ in range(25)):
        told = {"job_id": {"S": job_id}, "recency": {"S": f"{moment}#{job_id}"}}
        table.put_item(TableName=stack.jobs_table, Item={**row, **told})
    page.reload()
    expect(page.locator("#jobs > li")).to_have_count(20)

    page.get_by_role("button", name="Older jobs").click()

    expect(page.locator("#jobs > li").nth(24)).to_be_visible()


def test_token_is_requested_on_401_and_sent_to_the_api_only(show, local):
    asked: list[tuple[str, str | None]] = []

    def guarded(route: Route) -> None:
        token = route.request.headers.get("authorization")
        asked.append((route.request.url, token))
        if token == "Bearer abc":
            route.fallback()
        else:
            route.fulfill(status=200 if route.request.url == local[0] else 401, json={"message": "Unauthorized"})

    page = show("about:blank", expected="401")
    page.context.route(lambda url: url.startswith(local[0]) and url != local[0], guarded)
    page.context.on("request", lambda request: asked.append((request.url, request.headers.get("authorization"))))
    page.goto(local[0])
    expect(page.locator("#news")).to_have_text("This API needs an access token.")

    page.get_by_label("Access token").fill("abc")
    page.get_by_role("button", name="Sign in").click()
    drop(page, SAMPLES / "greeting.wav")

    expect(job(page, "greeting.wav").first).to_contain_text("Completed")
    assert {token for url, token in asked if not url.startswith(local[0])} == {None}
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


def test_large_transcript_is_downloaded_from_its_bucket(show, monkeypatch):
    monkeypatch.setattr(transcripts, "LARGEST_ANSWER_BYTES", 0)
    with Bucket() as bucket, Gateway(world=world("done", vendors=(SYNC,))) as api:
        api.world.exports = ("html",)
        bucket.objects, api.world.transcripts.presign = api.world.results, bucket.presign
        key = dropped(api.world).transcript_key
        bucket.lets_in = api.at("")
        page = show(api.at("/"), expected="401")
        page.get_by_label("Access token").fill("abc")
        page.get_by_role("button", name="Sign in").click()
        press = page.get_by_role("button", name=": JSON")

        with page.expect_download() as saved:
            press.click()

        assert Path(saved.value.path()).read_bytes() == bucket.objects[key]

        assert bucket.got == [("GET", None)]


def listed(job_id: str, **changes: object) -> dict[str, object]:
    """Return an open job, as GET /jobs returns it."""
    return {
        "job_id": job_id,
        "status": "IN_PROGRESS",
        "stage": "waiting_for_result",
        "vendor": "volcengine",
        "recording": {"key": f"incoming/auto/{job_id}.wav"},
        "created_at": "2026-01-02T03:03:55Z",
        "updated_at": "2026-01-02T03:04:05Z",
        "elapsed_s": 10,
        "error": None,
        "warnings": [],
        "links": {"self": f"/jobs/{job_id}", "transcript": None},
        **changes,
    }


def test_offline_message_is_removed_when_the_api_answers(show, local):
    page = show("about:blank", expected="Failed to load resource")
    page.route("**/jobs?limit=*", lambda route: route.abort())
    page.goto(local[0])
    expect(page.locator("#news.bad")).to_have_text("The API cannot be reached; retrying.")

    page.unroute_all()

    expect(page.locator("#news")).to_be_empty()


def test_rejected_action_keeps_its_message(show, local):
    page = show("about:blank", expected="Failed to load resource")
    done = listed("done", status="COMPLETED", stage="completed")
    page.route("**/jobs?limit=*", lambda route: route.fulfill(json={"jobs": [done], "next_cursor": None}))
    page.route("**/jobs/done", lambda route: route.fulfill(status=409, json={"detail": "the job is in progress"}))
    page.goto(local[0])
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for ever").click()
    expect(page.locator("#news.bad")).to_have_text("the job is in progress")

    with page.expect_response("**/jobs?limit=*"):
        page.get_by_label("Only jobs in this state").select_option("COMPLETED")
    expect(page.locator("#jobs > li")).to_have_count(1)

    expect(page.locator("#news.bad")).to_have_text("the job is in progress")


@pytest.mark.parametrize("status", [404, 429])
def test_job_that_cannot_be_read_does_not_hide_others(show, local, status):
    page = show("about:blank", expected="Failed to load resource")
    jobs = [listed("gone"), listed("there")]
    page.route("**/jobs?limit=*", lambda route: route.fulfill(json={"jobs": jobs, "next_cursor": None}))
    page.route("**/jobs/gone", lambda route: route.fulfill(status=status, json={"message": "no"}))
    page.route("**/jobs/there", lambda route: route.fulfill(json={**jobs[1], "typical_s": 65}))

    page.goto(local[0])

    expect(job(page, "gone.wav")).to_be_visible()
    expect(job(page, "there.wav")).to_contain_text("usually 1 min, 5 sec")
    expect(page.locator("#news")).to_be_empty()


@pytest.mark.parametrize(
    ("locale", "content", "told"),
    [
        pytest.param("en-US", b"", "notes.wav is empty.", id="empty"),
        pytest.param("zh-CN", b"", "notes.wav 是空文件。", id="empty-in-chinese"),
        pytest.param("en-US", b"RIFF", "The API cannot be reached. Drop the file again later.", id="no-network"),
        pytest.param("zh-CN", b"RIFF", "无法连接 API，请稍后重新拖放文件。", id="no-network-in-chinese"),
    ],
)
def test_failed_upload_shows_its_reason(show, local, locale, content, told):
    page = show(local[0], locale=locale, expected="Failed to load resource")
    page.route("**/uploads", lambda route: route.abort())

    drop(page, {"name": "notes.wav", "mimeType": "audio/wav", "buffer": content})

    expect(page.locator("#uploads .why")).to_have_text(told)


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        pytest.param("en-US", "Uploading a video: its audio will be extracted", id="english"),
        pytest.param("zh-CN", "正在上传视频，将提取其中的声音", id="chinese"),
    ],
)
def test_video_upload_says_that_its_audio_is_extracted(show, local, locale, told):
    page = show(local[0], locale=locale)
    page.route("**/uploads", lambda _route: None)  # the API does not answer, so no upload starts

    drop(page, {"name": "clip.mov", "mimeType": "video/quicktime", "buffer": b"a video"})

    expect(page.locator("#uploads .about")).to_have_text(told)


def test_page_works_by_keyboard_and_passes_axe(page):
    drop(page, SAMPLES / "greeting.wav")
    expect(job(page, "greeting.wav").first).to_contain_text("Completed")

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("button", name="greeting.wav: TXT").first.focus()
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename == "greeting.wav.txt"


@pytest.mark.parametrize(
    ("scheme", "locale"), [("light", "en-US"), ("dark", "en-US"), ("light", "zh-TW"), ("dark", "zh-CN")]
)
def test_page_fits_a_phone_screen(show, local, scheme, locale):
    page = show(local[0], viewport={"width": 320, "height": 600}, color_scheme=scheme, locale=locale)
    expect(page.locator("#jobs > li").first).to_be_visible()

    assert page.evaluate("() => document.documentElement.scrollWidth") <= 320
    assert Axe().run(page).violations_count == 0


def test_page_is_chinese_in_a_chinese_browser(show, local):
    page = show(local[0], locale="zh-CN")

    expect(page.get_by_role("heading", level=1)).to_have_text("录音转写")
    expect(page.locator("#drop")).to_contain_text("或拖放到这里")


def test_switch_changes_language_of_page_and_api(show, local):
    page = show(local[0], viewport={"width": 1000, "height": 700})
    page.route("**/uploads", lambda route: route.abort())
    drop(page, {"name": "notes.wav", "mimeType": "audio/wav", "buffer": b""})
    expect(page.locator("#uploads .why")).to_have_text("notes.wav is empty.")
    page.get_by_label("Vendor").select_option("tencent-recording")
    expect(page.locator("#language option")).to_have_text(["Default", "Mandarin Chinese"])

    with page.expect_request(lambda request: request.headers.get("accept-language") == "zh-CN"):
        page.get_by_label("Language of this page").select_option("zh-CN")

    expect(page).to_have_title("录音转写")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#uploads .why")).to_have_text("notes.wav 是空文件。")
    expect(page.locator("#vendor")).to_have_value("tencent-recording")
    expect(page.locator("#language option")).to_have_text(["默认", "普通话"])
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("录音转写")
    assert Axe().run(page).violations_count == 0


def test_language_list_is_of_the_vendor_and_keeps_the_choice(page):
    page.locator("#language").select_option("yue-CN")

    page.get_by_label("Vendor").select_option("volcengine")
    expect(page.locator("#language")).to_have_value("yue-CN")
    assert {"Cantonese", "Shanghainese", "Sichuanese"} <= set(page.locator("#language option").all_text_contents())

    page.get_by_label("Vendor").select_option("abcpen")
    expect(page.locator("#language")).to_have_value("")


def test_every_text_of_the_jobs_page_is_of_the_catalogue(show, local):
    """Replace the texts that the page carries by others: no word remains that is not data."""
    page = show("about:blank", expected="Failed to load resource")
    jobs = [
        listed("0", typical_s=9, vendor="0"),
        listed(
            "1",
            status="COMPLETED",
            stage="completed",
            warnings=[{"text": "0"}],
            links={"self": "/jobs/1", "transcript": "/jobs/1/transcript"},
        ),
        listed("2", status="FAILED", stage="failed", error={"code": "0", "message": "0"}),
        *(listed(f"{3 + nth}", stage=stage) for nth, stage in enumerate(Stage)),
    ]

    def mask(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=masked(answer.text()))

    page.route(local[0], mask)
    page.route("**/jobs?limit=*", lambda route: route.fulfill(json={"jobs": jobs, "next_cursor": "0"}))
    page.route("**/jobs/*", lambda route: route.fulfill(json=jobs[0]))
    page.route("**/uploads", lambda route: route.fulfill(status=429, json={"message": "Too Many Requests"}))
    page.add_init_script(NO_WORDS)
    page.goto(local[0])
    expect(page.locator("#jobs > li")).to_have_count(len(jobs))
    page.set_input_files("#files", [{"name": "0.wav", "mimeType": "audio/wav", "buffer": b"RIFF"}])
    expect(page.locator("#uploads .why")).to_have_text("※")
    page.locator("#jobs > li").nth(1).get_by_role("button").last.click()

    assert words_of(page) == {"wav"}


def test_page_is_small_and_loads_nothing_external(page, local):
    answer = page.request.get(local[0])

    assert len(answer.body()) < LARGEST_BYTES
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
