"""Open a transcript in the jobs page, at its own address: the view, its recording and the job's details, by the API."""

import io
import re
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, Route, expect

from asrcore.api.jobs_page import jobs_page
from asrcore.api.models import JobDetail, Links, NumberedAttempt, RecordingAddress, Stage, VendorReason
from asrcore.core.audio import Audio
from asrcore.core.form import Conversion
from asrcore.messages import Message
from asrcore.messages import render as render_message
from asrcore.ports import PresignedPost
from asrcore.render import render
from tests.browser.conftest import Opener, axe_violations
from tests.support.listed_jobs import as_json, completed, failed, page_of, problem, totals_of, warned
from tests.support.pipeline import world
from tests.support.transcripts import call


def silence(seconds: int = 30) -> bytes:
    """Return a recording of which a browser does not need everything before it plays."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * seconds))
    return written.getvalue()


JOB = "0123456789abcdef" * 2
SILENCE = silence()
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def attempt(number: int, vendor: str, outcome: str, seconds: tuple[int, int], **problem: str | None) -> NumberedAttempt:
    """Return an attempt. seconds: of its submission and end, after WHEN."""
    submitted, ended = (WHEN + timedelta(seconds=each) for each in seconds)
    times = {"due_at": submitted, "submitted_at": submitted, "ended_at": ended}
    what = {"code": None, "message": None, **problem}
    return NumberedAttempt(
        number=number, vendor=vendor, vendor_task_id="t", outcome=outcome, queries=0, **times, **what
    )


DETAIL = completed(
    "call.wav",
    job_id=JOB,
    usd=0.0017,
    vendor="tencent-sentence",
    choice=VendorReason(code="first_in_chain", params={}, text="the first in the order of preference"),
    attempts=[
        attempt(1, "volcengine", "retry", (5, 6), code="55000031", message="the server is busy"),
        attempt(2, "tencent-sentence", "completed", (10, 14)),
    ],
    warnings=[warned("The recording is short.")],
    conversion=Conversion(
        form="wav-16000-1",
        track=1,
        audio=Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, duration_ms=5_063),
        size_bytes=162_060,
    ),
)
WITHOUT_TRANSCRIPT = Links(self=f"/jobs/{JOB}", transcript=None)


class Bucket:
    """Serve the recording under any path, until a path is expired.

    Attributes:
        address: of the server.
        requested: the paths, in order.
        expired: paths that get 403. Of a path in `broken`, the first response ends too early, and it has expired then.
    """

    def __init__(self) -> None:
        self.address, self.requested, self.expired, self.broken = "", [], set(), set()

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        self.requested.append(handler.path)
        body = SILENCE
        first = int((re.match(r"bytes=(\d+)", handler.headers.get("Range", "")) or [0, 0])[1])
        if handler.path in self.expired:
            handler.send_error(403)
            return
        handler.send_response(206)
        handler.send_header("Content-Type", "audio/wav")
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Length", str(len(body) - first))
        handler.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        handler.end_headers()
        until = len(body)
        if handler.path in self.broken:
            self.expired.add(handler.path)
            until = first + (len(body) - first) // 2
        handler.wfile.write(body[first:until])


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with serving(Bucket()) as found:
        yield found


@contextmanager
def serving(bucket: Bucket) -> Iterator[Bucket]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bucket.respond(self)

        def log_message(self, *args: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        bucket.address = f"http://127.0.0.1:{http.server_port}"
        yield bucket
        http.shutdown()


@pytest.fixture
def open_job(show: Opener, bucket: Bucket) -> Callable[..., Page]:
    """Open the address of a job. The API's responses are given; the page and its policy are real."""
    bucket.requested.clear()
    bucket.expired.clear()
    bucket.broken.clear()
    made = world()
    made.recordings.presign_upload = lambda *_: PresignedPost(f"{bucket.address}/", {})
    shown = jobs_page(made.services)

    def open_page(
        *addresses: tuple[str, int],
        job: JobDetail = DETAIL,
        before: Callable[[Page], object] = lambda _: None,
        **options: object,
    ) -> Page:
        """addresses: the recording's, one after the other, each with its seconds; the last one again and again.

        before: called first.
        """
        page = show("about:blank", **options)
        left = list(addresses or [("/recording", 900)])

        def recording(route: Route) -> None:
            path, lifetime_s = left.pop(0) if len(left) > 1 else left[0]
            route.fulfill(json=as_json(RecordingAddress(url=f"{bucket.address}{path}", expires_in_s=lifetime_s)))

        here = f"{bucket.address}/jobs/{JOB}"
        page.route(
            f"{bucket.address}/",
            lambda route: route.fulfill(body=shown.text, headers={**shown.headers, "Content-Type": "text/html"}),
        )
        page.route(here, lambda route: route.fulfill(json=as_json(job)))
        page.route(f"{here}/recording", recording)
        page.route(
            f"{here}/transcript?format=html&playable=false", lambda route: route.fulfill(body=render(call(), "html"))
        )
        before(page)
        page.goto(f"{bucket.address}/#/jobs/{JOB}")
        return page

    return open_page


def text(code: str) -> str:
    return render_message(Message(f"pages.{code}"), "en")


def ready(page: Page) -> None:
    page.wait_for_function("() => document.getElementById('player')?.readyState >= 1")


def playing_from(page: Page, path: str) -> None:
    page.wait_for_function(
        """path => { const player = document.getElementById("player");
          return player.src.endsWith(path) && !player.paused && player.currentTime > 1; }""",
        arg=path,
    )


def test_address_of_a_job_shows_its_transcript_and_plays(open_job, bucket):
    page = open_job()

    expect(page.get_by_role("heading", level=1)).to_have_text("call.wav")
    expect(page).to_have_title("call.wav")
    expect(page.locator("#turns")).to_contain_text("您的快递到了。")
    ready(page)
    page.locator(".said span").filter(has_text="快").click()
    expect(page.locator(".said .now")).to_have_text("快")
    assert page.locator(".shell").bounding_box()["height"] < 60
    assert bucket.requested[0] == "/recording"


def test_information_is_of_the_job(open_job):
    page = open_job()

    shown = page.locator("#panel dl > div")
    expect(shown.filter(has_text="Vendor").locator("dd")).to_have_text(
        [text("common.vendor.tencent-sentence"), "the first in the order of preference"]
    )
    expect(page.locator(".cost dd")).to_have_text(["$0.0017"])
    expect(page.locator(".attempts dd")).to_have_text(
        [
            f"{text('common.vendor.volcengine')}: the server is busy (55000031)",
            f"{text('common.vendor.tencent-sentence')}: completed in 4 sec",
        ]
    )
    expect(page.locator("#panel .warnings dd")).to_have_text(["The recording is short."])
    expect(page.locator(".conversion dd")).to_have_text(["WAV, 16 kHz, channels: 1"])


def test_address_is_renewed_during_playback_without_a_pause(open_job):
    page = open_job(("/first", 0), ("/second", 900))
    ready(page)
    page.evaluate(
        """() => {
          const button = document.querySelector(".play");
          window.labels = [];
          const watcher = new MutationObserver(() => window.labels.push(button.ariaLabel));
          watcher.observe(button, { attributeFilter: ["aria-label"] });
        }"""
    )

    page.keyboard.press("Space")

    playing_from(page, "/second")
    assert set(page.evaluate("() => window.labels")) == {"Pause"}
    expect(page.locator("#message")).to_be_empty()


def test_address_that_expires_early_is_replaced_where_it_stopped(open_job, bucket):
    bucket.broken.add("/early")
    page = open_job(
        ("/early", 900),
        ("/second", 900),
        expected="Failed to load resource",
    )
    ready(page)

    page.keyboard.press("Space")

    playing_from(page, "/second")
    expect(page.locator("#message")).to_be_empty()
    assert "/early" in bucket.expired


def test_chosen_file_needs_no_address(open_job):
    page = open_job(("/first", 0))
    ready(page)

    # Longer than the wait for it may be.
    page.set_input_files(".view input[type=file]", {"name": "a.wav", "mimeType": "audio/wav", "buffer": SILENCE})
    page.wait_for_function("() => document.getElementById('player').src.startsWith('blob:')")
    page.keyboard.press("Space")

    playing_from(page, "")
    assert page.evaluate("() => document.getElementById('player').src").startswith("blob:")


def test_recording_without_an_address_is_chosen_from_disk(open_job):
    def without_recording(page: Page) -> None:
        page.route(
            f"**/jobs/{JOB}/recording", lambda route: route.fulfill(status=404, json=as_json(problem(404, "deleted")))
        )

    page = open_job(expected="Failed to load resource", before=without_recording)

    expect(page.locator("#message")).to_have_text("The recording cannot be opened here. Choose its file.")
    expect(page.locator(".bar label.button")).to_be_visible()


def test_open_job_shows_its_stage_until_it_has_a_transcript(open_job):
    page = open_job(job=DETAIL.model_copy(update={"stage": Stage.WAITING_FOR_RESULT, "links": WITHOUT_TRANSCRIPT}))
    expect(page.locator("#view")).to_have_text(text("jobs.stage.waiting_for_result"))

    page.route(f"**/jobs/{JOB}", lambda route: route.fulfill(json=as_json(DETAIL)))
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")  # as when its tab is opened again

    expect(page.locator("#turns")).to_contain_text("您的快递到了。")


def test_failed_job_shows_its_error(open_job):
    page = open_job(job=failed("notes.wav", "The file is no recording.", job_id=JOB))

    expect(page.locator("#view")).to_have_text("Failed · The file is no recording.")


def test_colleague_signs_in_and_sees_the_same_transcript(open_job, bucket):
    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer abc":
            route.fallback()
        else:
            route.fulfill(status=401, json={"message": "Unauthorized"})

    page = open_job(expected="401", before=lambda page: page.route(f"**/jobs/{JOB}", guarded))
    page.get_by_label("Access token").fill("abc")
    page.get_by_role("button", name="Sign in").click()

    expect(page.locator("#turns")).to_contain_text("您的快递到了。")
    assert page.url.endswith(f"#/jobs/{JOB}")


def test_view_ends_with_its_address(open_job):
    page = open_job()
    ready(page)
    page.evaluate("() => { window.before = document.getElementById('player'); }")
    page.keyboard.press("Space")
    page.wait_for_function("() => !window.before.paused")
    page.route("**/jobs?*", lambda route: route.fulfill(json=as_json(page_of())))
    page.route("**/totals*", lambda route: route.fulfill(json=as_json(totals_of())))

    page.evaluate("() => { location.hash = '#/jobs'; }")

    page.wait_for_function("() => window.before.paused && !document.querySelector('.view')")


def test_details_follow_the_language_of_the_page(open_job):
    page = open_job()
    expect(page.locator("#turns")).not_to_be_empty()
    chinese = DETAIL.model_copy(update={"warnings": [warned("录音很短。")]})
    page.route(f"**/jobs/{JOB}", lambda route: route.fulfill(json=as_json(chinese)))

    page.get_by_label("Language of this page").select_option("zh-CN")

    expect(page.locator("#panel .warnings dd")).to_have_text(["录音很短。"])
    expect(page).to_have_title("call.wav")


@pytest.mark.parametrize(("colors", "locale", "width"), [("light", "en-US", 1_280), ("dark", "zh-CN", 390)])
def test_view_in_the_page_passes_axe(open_job, colors, locale, width):
    page = open_job(color_scheme=colors, locale=locale, viewport={"width": width, "height": 800})
    expect(page.locator("#turns .head")).to_have_count(3)
    if width < 1_000:
        page.locator(".opener").click()
    page.get_by_role("searchbox").fill("您")
    expect(page.locator(".hits button")).to_have_count(2)

    assert axe_violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".shell").bounding_box()["height"] < 60
