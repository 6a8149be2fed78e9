"""The jobs page's scripts where an API's answers are other than usual."""

import json

import pytest

from tests.support.listed_jobs import completed, totals_of
from tests.support.page_scripts import run_script

# An upload in one part, which is sent three times at most. `answers`: by method and path, the statuses of the first
# responses, 200 after them; at 0 the network fails. `calls`: every request.
UPLOAD = """
const { send } = await load("transfer");
const calls = [], answers = ANSWERS;
const started = { upload_id: "u1", part_bytes: 8, parts: 1 };
const bodies = {
  "POST uploads": { multipart: started }, "GET uploads/u1": { ...started, uploaded: [] },
  "POST uploads/u1/parts": { urls: [{ url: "https://bucket.example.com/part" }] },
  "POST uploads/u1/complete": { key: "k" },
};
globalThis.fetch = async (path, { method = "GET" }) => {
  const call = `${method} ${path}`, status = answers[call]?.shift() ?? 200;
  calls.push(call);
  if (status === 0) throw new TypeError("no network");
  return new Response(JSON.stringify(status === 200 ? bodies[call] : { message: "no" }), { status });
};
globalThis.XMLHttpRequest = class extends EventTarget {
  upload = new EventTarget();
  status = 200;
  open() {}
  send() { for (const name of ["load", "loadend"]) this.dispatchEvent(new Event(name)); }
};
const file = new File(["01234567"], "large.wav", { type: "audio/wav", lastModified: 1 });
const upload = () => send(file, {}, new AbortController().signal, () => {}).catch(({ name }) => name);
"""


@pytest.mark.parametrize("status", [0, 401, 429, 503])
def test_upload_is_resumed_after_a_response_that_passes(status):
    """Interrupt an upload, and resume it while the API is busy, cannot be reached, or needs another token."""
    answers = {"POST uploads/u1/parts": [500] * 3, "GET uploads/u1": [status]}
    told = run_script(
        UPLOAD.replace("ANSWERS", json.dumps(answers))
        + "await upload(); await upload(); calls.length = 0; result = [await upload(), calls];"
    )

    assert told == ["k", ["GET uploads/u1", "POST uploads/u1/parts", "POST uploads/u1/complete"]]


def test_upload_that_has_expired_begins_again():
    answers = {"POST uploads/u1/parts": [500] * 3, "GET uploads/u1": [404], "POST uploads/u1/complete": [404]}
    told = run_script(
        UPLOAD.replace("ANSWERS", json.dumps(answers))
        + "await upload(); calls.length = 0; result = [await upload(), calls.slice(0, 3)];"
    )

    assert told == ["k", ["GET uploads/u1", "POST uploads/u1/complete", "POST uploads"]]


def test_lost_answer_to_a_completion_is_requested_again():
    answers = {"POST uploads/u1/complete": [0]}
    told = run_script(UPLOAD.replace("ANSWERS", json.dumps(answers)) + "result = [await upload(), calls.slice(-2)];")

    assert told == ["k", ["POST uploads/u1/complete"] * 2]


def test_completed_upload_without_an_answer_is_not_repeated():
    answers = {"POST uploads/u1/complete": [0] * 3, "GET uploads/u1": [404]}
    told = run_script(
        UPLOAD.replace("ANSWERS", json.dumps(answers))
        + "await upload(); calls.length = 0; result = [await upload(), calls];"
    )

    assert told == ["k", ["GET uploads/u1", "POST uploads/u1/complete"]]


# Three jobs; the API rejects what concerns the first. `calls`: every request. `saved`: the size of each saved file.
SELECTION = """
const { downloadAll, retry } = await load("actions");
const calls = [], saved = [];
const jobs = ["a", "b", "c"].map((name) => (
  { name, links: { self: `/jobs/${name}`, transcript: `/jobs/${name}/transcript` } }));
globalThis.fetch = async (path, { method = "GET" }) => {
  calls.push(`${method} ${path}`);
  const isRejected = path.startsWith("jobs/a"), body = isRejected ? { detail: "it was deleted" } : {};
  return new Response(JSON.stringify(body), { status: isRejected ? 404 : 200 });
};
URL.createObjectURL = ({ size }) => saved.push(size);
const news = document.getElementById("news");
"""


def test_rejected_job_keeps_no_other_from_being_retried():
    told = run_script(f"{SELECTION} await retry(...jobs); result = [calls, news.textContent, news.className];")

    assert told == [[f"POST jobs/{each}/redrive" for each in "abc"], "a: it was deleted", "bad"]


def test_rejected_transcript_is_left_out_of_the_archive():
    told = run_script(f"{SELECTION} await downloadAll(jobs); result = [calls.length, saved.length, news.textContent];")

    assert told == [3, 1, "a: it was deleted"]


def test_downloaded_viewer_has_no_address_that_expires():
    chosen = "document.getElementById('bulk-format').value = 'html';"
    told = run_script(f"{SELECTION} {chosen} await downloadAll(jobs); result = calls[1];")

    assert told == "GET jobs/b/transcript?format=html&inline=true&playable=false"


@pytest.mark.parametrize(
    ("method", "kept", "message"),
    [
        pytest.param("POST", "abc", "Your access token does not allow this.", id="change"),
        pytest.param("GET", None, "This API needs an access token.", id="read"),
    ],
)
def test_token_is_kept_while_only_changes_are_forbidden(method, kept, message):
    told = run_script(f"""
        sessionStorage.setItem("asrcore.token", "abc");
        globalThis.fetch = async () => new Response('{{"message": "Forbidden"}}', {{ status: 403 }});
        const {{ get, post }} = await load("api");
        const {{ message }} = await ({method.lower()}("jobs")).catch((error) => error);
        result = [sessionStorage.getItem("asrcore.token"), message];
    """)

    assert told == [kept, message]


# A list of failed jobs, which does not change. `calls`: every request. `pass`: lets time pass until the next refresh.
FILTERED = """
const calls = [], timers = [];
let now = 1_000_000;
Date.now = () => now;
Object.assign(globalThis, {
  location: { hash: "#/jobs?status=FAILED" }, scrollY: 0, scrollTo() {}, clearTimeout() {},
  setTimeout: (action) => timers.push(action),
  IntersectionObserver: class { observe() {} unobserve() {} },
  async fetch(path) {
    calls.push(path.split("?")[0]);
    if (path === "totals") return new Response(JSON.stringify(TOTALS));
    if (calls.length > 1) return new Response(null, { status: 304 });
    return new Response(JSON.stringify({ jobs: [], next_cursor: null }), { headers: { ETag: "tag" } });
  },
});
document.getElementById("vendors").textContent = "{}";
document.getElementById("head").parentNode = { after() {} };
const { showList } = await load("list");
const refreshed = async () => { while (!timers.length) await new Promise(setImmediate); };
async function pass(ms) {
  now += ms;
  timers.pop()();
  await refreshed();
}
showList(true);
await refreshed();
"""


def test_counts_beside_a_filtered_list_are_refreshed():
    totals = totals_of([completed("a.wav")]).model_dump_json(by_alias=True)
    told = run_script(
        FILTERED.replace("JSON.stringify(TOTALS)", json.dumps(totals))
        + "await pass(1_000); await pass(30_000); result = calls;"
    )

    assert told == ["jobs", "totals", "jobs", "jobs", "totals"]
