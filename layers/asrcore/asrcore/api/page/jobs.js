// Uploads recordings and shows jobs, by the API that serves this page. Names and messages are inserted as text,
// never as markup.

import { call, failed, get, needsToken, nothing, reason, Refused, tell } from "./api.js";
import { duration, find, known, language, languageName, make, moment, option, save, say, stored, vendorName, write, writeFacts } from "../../render/common/common.js";
import { jobAddress, route } from "./router.js";

const AT_ONCE = 3; // uploads
const SOON_MS = 1_000, LATE_MS = 30_000; // between two requests: longer each time that no job changed

const nameOf = (key) => key.slice(key.lastIndexOf("/") + 1);
const stageOf = (stage) => known(`jobs.stage.${stage}`, stage);
const isOver = (job) => job.status === "COMPLETED" || job.status === "FAILED";

// --- the options of an upload ---------------------------------------------------------------------------------------

const VENDORS = stored("vendors"); // the languages of each

find("vendor").append(option("auto", () => say("jobs.automatic")), ...Object.keys(VENDORS).map((vendor) => option(vendor, () => vendorName(vendor))));
find("speakers").append(option("", () => say("jobs.speakers_off")), option(0, () => say("jobs.speakers_auto")));
for (let number = 2; number <= 10; number++) find("speakers").append(option(number, () => say("jobs.speakers_number", { number })));
find("status").append(option("", () => say("jobs.status_any")));
for (const status of ["QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"]) find("status").append(option(status, () => say(`jobs.status.${status}`)));

// The languages of the chosen vendor, in the order of their names.
function offerLanguages() {
  const chosen = find("language").value, tags = new Set(VENDORS[find("vendor").value] ?? Object.values(VENDORS).flat());
  const byName = (one, other) => languageName(one).localeCompare(languageName(other), language());
  const made = [...tags].sort(byName).map((tag) => option(tag, () => languageName(tag)));
  find("language").replaceChildren(option("", () => say("jobs.language_default")), ...made);
  find("language").value = tags.has(chosen) ? chosen : "";
}
offerLanguages();
find("vendor").addEventListener("change", offerLanguages);

// --- uploads --------------------------------------------------------------------------------------------------------

const waiting = []; // files not yet uploading
const arriving = new Map(); // uploaded, by key, without a job so far
const ours = new Set(); // keys of files uploaded by this page
let uploading = 0;

function take(files) {
  const options = {
    ...(find("speakers").value && { speakers: Number(find("speakers").value) }),
    ...(find("language").value && { language: find("language").value }),
  };
  for (const file of files) {
    const bar = make("progress", { max: 1, value: 0 }), about = make("p", { className: "about" });
    bar.setAttribute("aria-label", file.name);
    const item = make("li", {}, make("p", { className: "name", textContent: file.name }), bar, about);
    find("uploads").append(item);
    waiting.push({ file, bar, about, item, vendor: find("vendor").value, options });
  }
  next();
}

function next() {
  while (uploading < AT_ONCE && waiting.length) {
    uploading++;
    upload(waiting.shift()).finally(() => { uploading--; next(); });
  }
}

async function upload({ file, bar, about, item, vendor, options }) {
  write(about, () => say(file.type.startsWith("video/") ? "jobs.uploading_video" : "jobs.uploading"));
  try {
    if (!file.size) throw new Refused(() => say("jobs.empty_file", { file: file.name }));
    const content_type = /^(audio|video)\//.test(file.type) ? file.type.split(";")[0] : null;
    const body = JSON.stringify({ name: file.name, content_type, vendor, options });
    const headers = { "Content-Type": "application/json" };
    const ticket = await (await call("uploads", { method: "POST", body, headers })).json();
    if (file.size > ticket.max_bytes) throw new Refused(() => say("jobs.file_too_large", { file: file.name, size: megabytes(ticket.max_bytes) }));
    await post(ticket, file, (part) => { bar.value = part; });
    write(about, () => say("jobs.uploaded"));
    arriving.set(ticket.key, item);
    ours.add(ticket.key);
    look();
  } catch (error) {
    write(about, reason(error, "jobs.upload_unreachable"));
    about.className = "why";
  }
}

const megabytes = (bytes) =>
  new Intl.NumberFormat(language(), { style: "unit", unit: "megabyte", maximumFractionDigits: 0, roundingMode: "floor" }).format(bytes / 1e6);

// By XMLHttpRequest: fetch does not report an upload's progress.
const post = ({ url, fields }, file, progress) => new Promise((resolve, reject) => {
  const form = new FormData(), request = new XMLHttpRequest();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
  request.addEventListener("load", () =>
    request.status < 300 ? resolve() : reject(new Refused(() => say("jobs.upload_rejected"))));
  request.addEventListener("error", () => reject(new Refused(() => say("jobs.upload_interrupted"))));
  request.open("POST", url);
  request.send(form);
});

find("files").addEventListener("change", ({ target }) => {
  take([...target.files]);
  target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take([...event.dataTransfer.files]);
  });
}

// --- jobs -----------------------------------------------------------------------------------------------------------

const shown = new Map(); // jobs on the page, by job id
const usual = new Map(); // seconds, by job id and vendor
let cursor = null, pages = 1, timer = 0, wait = SOON_MS, looking = Promise.resolve();
let trouble = null; // returns the message of the last failed request

function look() {
  wait = SOON_MS;
  again();
}

// One refresh at a time: a call during a refresh starts another one after it.
function again() {
  clearTimeout(timer);
  looking = looking.then(refresh);
}

async function refresh() {
  clearTimeout(timer);
  let hasMoved = false;
  try {
    const jobs = await listed();
    for (const key of arriving.keys()) {
      const [job] = (await perhaps(`jobs?key=${encodeURIComponent(key)}`))?.jobs ?? [];
      if (!job) continue;
      arriving.get(key).remove();
      arriving.delete(key);
      if (!find("status").value && !jobs.some(({ job_id }) => job_id === job.job_id)) jobs.unshift(job);
    }
    hasMoved = show(jobs);
    if (trouble && find("news").said.textContent === trouble) tell(nothing); // the API answers again
    trouble = null;
    for (const job of jobs) await learn(job);
  } catch (error) {
    trouble = reason(error, "jobs.unreachable");
    tell(trouble, true);
    if (needsToken()) return;
  }
  wait = hasMoved ? SOON_MS : Math.min(LATE_MS, wait * 1.3);
  const isMoving = arriving.size || [...shown.values()].some(({ job }) => !isOver(job));
  if (!document.hidden) timer = setTimeout(again, isMoving || trouble ? wait : LATE_MS);
}

async function listed() {
  const jobs = [], query = find("status").value ? `&status=${find("status").value}` : "";
  cursor = null;
  for (let page = 0; page < pages && (page === 0 || cursor); ) {
    const found = await get(`jobs?limit=20${query}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    jobs.push(...found.jobs);
    cursor = found.next_cursor;
    if (found.jobs.length || !cursor) page++; // an empty page does not count
  }
  return jobs;
}

// The typical turnaround is a field of single jobs, not of lists; request it once.
async function learn(job) {
  const of = `${job.job_id} ${job.vendor}`;
  if (isOver(job) || !job.vendor || usual.has(of)) return;
  const found = await perhaps(job.links.self);
  if (!found) return;
  usual.set(of, found.typical_s);
  fill(shown.get(job.job_id).item, job);
}

// Return null when one job was deleted or the API throttles, so that the other jobs are still shown.
async function perhaps(path) {
  try {
    return await get(path);
  } catch (error) {
    if (!(error instanceof Refused) || needsToken()) throw error;
    return null;
  }
}

function show(jobs) {
  let hasMoved = false;
  for (const job of jobs) {
    const known = shown.get(job.job_id);
    const isWatched = known || ours.has(job.recording.key);
    if (isWatched && known?.job.stage !== job.stage) tell(() => aboutJob(job, stageOf(job.stage)), job.status === "FAILED");
    hasMoved ||= known?.job.updated_at !== job.updated_at;
    const item = known?.item ?? card(job);
    shown.set(job.job_id, { job, item });
    fill(item, job);
  }
  const ids = new Set(jobs.map(({ job_id }) => job_id));
  for (const [id, { item }] of shown) {
    if (ids.has(id)) continue;
    item.remove();
    shown.delete(id);
  }
  // Move only the items that are out of order, so that the keyboard focus stays.
  jobs.forEach(({ job_id }, at) => {
    const { item } = shown.get(job_id), there = find("jobs").children[at];
    if (there !== item) find("jobs").insertBefore(item, there ?? null);
  });
  find("none").hidden = jobs.length > 0;
  find("older").hidden = !cursor;
  return hasMoved;
}

const aboutJob = ({ recording }, what) => say("jobs.about", { file: nameOf(recording.key), what });

function card({ recording }) {
  const name = make("p", { className: "name", textContent: nameOf(recording.key), title: recording.key, dir: "auto" });
  return make("li", {}, name, ...["about", "why", "warnings", "row actions"].map((className) => make("div", { className })));
}

function fill(item, job) {
  const [, facts, why, warnings, actions] = item.children;
  const typical_s = usual.get(`${job.job_id} ${job.vendor}`);
  writeFacts(facts, [
    () => stageOf(job.stage),
    ...(job.vendor ? [() => vendorName(job.vendor)] : []),
    () => say(isOver(job) ? "jobs.elapsed" : "jobs.elapsed_so_far", { duration: duration(job.elapsed_s) }),
    ...(typical_s && !isOver(job) ? [() => say("jobs.usual", { duration: duration(typical_s) })] : []),
    () => moment(job.created_at),
  ]);
  facts.firstChild.className = { COMPLETED: "good", FAILED: "bad" }[job.status] ?? "";
  why.replaceChildren(...(job.error ? [write(make("p"), () => say("jobs.error", job.error))] : []));
  warnings.replaceChildren(...job.warnings.map(({ text }) => make("p", { textContent: text })));
  if (actions.dataset.status === job.status) return;
  actions.dataset.status = job.status;
  const made = [];
  if (job.links.transcript) {
    made.push(openLink(job));
    made.push(...["srt", "vtt", "txt", "json"].map((format) => button(`jobs.format.${format}`, job, () => download(job, format))));
  }
  made.push(isOver(job) ? button("jobs.delete", job, remove) : button("jobs.cancel", job, cancel));
  actions.replaceChildren(...made);
}

function button(code, job, action) {
  const made = label(make("button", { type: "button" }), code, job);
  made.addEventListener("click", () => Promise.resolve(action(made, job)).catch(failed));
  return made;
}
const openLink = (job) => label(make("a", { className: "button", href: jobAddress(job.job_id) }), "jobs.open", job);
// Name a button of a job; its label has the job, too.
const label = (pressed, code, job) => write(write(pressed, () => say(code)), () => aboutJob(job, say(code)), "ariaLabel");

// The API redirects to transcripts that are too large for a response, without the token; a download may need minutes.
const transcript = (job, query) => call(`${job.links.transcript}?${query}`, { signal: AbortSignal.timeout(600_000) });

async function download(job, format) {
  const answer = await transcript(job, `format=${format}&inline=true`);
  save(await answer.blob(), `${nameOf(job.recording.key)}.${format}`);
}

// Deletion and cancellation need two clicks: return whether this was the second one.
function isSure(pressed, code, job) {
  if (pressed.dataset.sure) return true;
  pressed.dataset.sure = "yes";
  label(pressed, code, job);
  pressed.classList.add("bad");
  return false;
}

async function remove(pressed, job) {
  if (!isSure(pressed, "jobs.delete_for_ever", job)) return;
  await call(job.links.self, { method: "DELETE" });
  tell(() => say("jobs.deleted"));
  look();
}

async function cancel(pressed, job) {
  if (!isSure(pressed, "jobs.cancel_now", job)) return;
  await call(`${job.links.self}/cancel`, { method: "POST" });
  tell(() => say("jobs.cancelled"));
  look();
}

find("status").addEventListener("change", () => { pages = 1; look(); });
find("older").addEventListener("click", () => { pages++; look(); });
document.addEventListener("translated", () => { offerLanguages(); look(); }); // the API's texts, too
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
const showRoute = () => route((isList) => { if (isList) look(); });
addEventListener("hashchange", showRoute);
document.addEventListener("signed-in", showRoute);
showRoute();
