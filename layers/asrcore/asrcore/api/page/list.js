// The list of jobs: filters from the address, pages of the API, the rows near the window, the selection.

import { actions, downloadAll, remove, retry, whenChanged } from "./actions.js";
import { call, get, needsToken, nothing, reason, Refused, tell } from "./api.js";
import { vendors } from "./options.js";
import { filters, listAddress } from "./router.js";
import { aboutJob, COLUMNS, fill, isOver, jobRow, stageName } from "./rows.js";
import { sortOf, SORTS, sorted } from "./sorting.js";
import { arrive, arriving, ours } from "./uploads.js";
import { find, format, make, money, option, say, vendorName, write } from "../../render/common/common.js";

const PAGE = 50, LARGEST_PAGE = 100, MOST_SORTED = 10_000, MOST_REQUESTS = 20, MOST_OPEN = 10;
const SOON_MS = 1_000, LATE_MS = 30_000; // between two requests: longer each time that no job changed
const TOTALS_MS = 20_000; // as old as totals may be beside a list in which other jobs' changes are not seen
const TYPING_MS = 300;
const FIELDS = ["name", "vendor", "from", "to"];
const STATES = ["", "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED"];

const jobs = new Map(); // those that were read, by id
const rows = new Map(); // of the jobs near the window, by id
const chunks = []; // a page of rows each
const selected = new Set(); // ids
let order = [], query = null, isRead = false, cursor = null, tag = null;
let timer = 0, wait = SOON_MS, looking = Promise.resolve(), trouble = null, isShown = false, scrolled = 0;
let totalsAt = 0;

// --- the address and its filters --------------------------------------------------------------------------------------

// Show the list, or stop to refresh it.
export function showList(isVisible) {
  const wasShown = isShown;
  if (wasShown && !isVisible) scrolled = scrollY;
  isShown = isVisible;
  clearTimeout(timer);
  find("home").hidden = isVisible;
  if (!isVisible) return;
  const address = filters();
  for (const name of FIELDS) { // a reader may have typed a space, and types on
    const value = address.get(name) ?? "";
    if (find(name).value.trim() !== value) find(name).value = value;
  }
  find("clear").hidden = !FIELDS.some((name) => address.has(name));
  find("home").href = listAddress(address);
  showTabs(address);
  showSort(sortOf(address));
  const asked = requested(address);
  if (asked !== query) begin(asked);
  draw();
  if (!wasShown) scrollTo(0, scrolled);
  look();
}

function begin(asked) {
  query = asked;
  jobs.clear();
  selected.clear();
  [isRead, cursor, tag, scrolled] = [false, null, null, 0];
}

// Return the filters as the API has them: a day is that of the reader.
function requested(address) {
  const asked = new URLSearchParams();
  for (const name of ["status", "vendor", "name"]) if (address.get(name)) asked.set(name, address.get(name));
  for (const [name, days] of [["from", 0], ["to", 1]]) {
    const at = new Date(`${address.get(name)}T00:00`);
    at.setDate(at.getDate() + days);
    if (!Number.isNaN(at.getTime())) asked.set(name, at.toISOString());
  }
  return `${asked}`;
}

// Go to the address with other filters; a value that is empty is none.
function change(values) {
  const address = filters();
  for (const [name, value] of Object.entries(values)) {
    if (value) address.set(name, value); else address.delete(name);
  }
  location.hash = listAddress(address);
}
const sortTo = (sort) => change({ sort: sort === "-created" ? "" : sort });

let typing = 0;
find("vendor").append(option("", () => say("jobs.vendor_any")), ...vendors.map((each) => option(each, () => vendorName(each))));
find("filters").addEventListener("submit", (event) => event.preventDefault());
find("filters").addEventListener("input", ({ target }) => {
  clearTimeout(typing);
  if (target.id === "sort") sortTo(target.value);
  else typing = setTimeout(() => change(Object.fromEntries(FIELDS.map((name) => [name, find(name).value.trim()]))), target.type === "search" ? TYPING_MS : 0);
});
find("show-filters").addEventListener("click", ({ target }) => {
  target.ariaExpanded = `${find("filters").classList.toggle("whole")}`;
});
find("clear").addEventListener("click", () => { location.hash = listAddress(new URLSearchParams()); });

const tabs = STATES.map((state) => {
  const count = make("span", { className: "count" });
  const tab = make("a", {}, write(make("span"), () => say(state ? `jobs.status.${state}` : "jobs.status_any")), count);
  find("tabs").append(tab);
  return { state, tab, count };
});
function showTabs(address) {
  for (const { state, tab } of tabs) {
    const other = new URLSearchParams(address);
    other.delete("status");
    if (state) other.set("status", state);
    tab.href = listAddress(other);
    tab.ariaCurrent = state === (address.get("status") ?? "") ? "page" : null;
  }
}

// --- the head of the table --------------------------------------------------------------------------------------------

const all = write(make("input", { type: "checkbox" }), () => say("jobs.select_all"), "ariaLabel");
all.addEventListener("change", () => {
  for (const { job_id } of order) selected[all.checked ? "add" : "delete"](job_id);
  showSelection();
});
const heads = new Map(COLUMNS.map((column) => {
  const head = make("th", { scope: "col", className: column });
  head.role = "columnheader";
  if (column === "select") head.append(all);
  else if (column in SORTS) {
    const button = write(make("button", { type: "button", className: "plain" }), () => say(`jobs.column.${column}`));
    button.addEventListener("click", () => {
      const [now, other] = [sortOf(filters()), SORTS[column].isDown ? `-${column}` : column];
      sortTo(now === other ? (other === column ? `-${column}` : column) : other);
    });
    head.append(button);
  } else head.append(write(make("span"), () => say(`jobs.column.${column}`)));
  return [column, head];
}));
find("head").append(...heads.values());
for (const column of Object.keys(SORTS)) {
  for (const [value, sign] of [[column, "↑"], [`-${column}`, "↓"]]) find("sort").append(option(value, () => `${say(`jobs.column.${column}`)} ${sign}`));
}
function showSort(sort) {
  find("sort").value = sort;
  for (const [column, head] of heads) {
    head.ariaSort = sort === column ? "ascending" : sort === `-${column}` ? "descending" : null;
  }
}

// --- requests -----------------------------------------------------------------------------------------------------------

export function look() {
  wait = SOON_MS;
  again();
}
whenChanged(look);

// One refresh at a time: a call during a refresh starts another one after it.
function again() {
  clearTimeout(timer);
  looking = looking.then(refresh);
}

async function refresh() {
  if (!isShown) return;
  clearTimeout(timer);
  const asked = query;
  let hasMoved = false;
  try {
    hasMoved = await readFirst(asked);
    if (query === asked) hasMoved = await readOpen(asked) || hasMoved;
    if (query === asked) await readArrivals();
    if (query === asked && sortOf(filters()) !== "-created") await readAll(asked);
    if (hasMoved || (query && Date.now() - totalsAt > TOTALS_MS)) await readTotals();
    if (trouble && find("news").said.textContent === trouble) tell(nothing); // the API answers again
    trouble = null;
    sentinel.observe(find("older")); // after a failure it is observed no more
  } catch (error) {
    trouble = reason(error, "jobs.unreachable");
    tell(trouble, true);
    if (needsToken()) return;
  }
  wait = hasMoved ? SOON_MS : Math.min(LATE_MS, wait * 1.3);
  schedule();
}

function schedule() {
  clearTimeout(timer);
  const isMoving = arriving.size || [...jobs.values()].some((job) => !isOver(job));
  if (!document.hidden) timer = setTimeout(again, isMoving || trouble ? wait : LATE_MS);
}

const page = (limit, at) => `jobs?limit=${limit}${query && `&${query}`}${at ? `&cursor=${encodeURIComponent(at)}` : ""}`;

// Read the newest jobs; return whether the list changed.
async function readFirst(asked) {
  const answer = await call(page(PAGE), { headers: tag ? { "If-None-Match": tag } : {} });
  if (answer.status === 304) {
    for (const row of rows.values()) fill(row, row.job, actions); // time has passed
    return false;
  }
  const found = await answer.json();
  if (query !== asked) return false;
  tag = answer.headers.get("ETag");
  const last = found.next_cursor ? found.jobs.at(-1)?.created_at : 0, listed = new Set(found.jobs.map(({ job_id }) => job_id));
  const gone = [...jobs.values()].filter(({ job_id, created }) => created > new Date(last) && !listed.has(job_id));
  for (const { job_id } of gone) forget(job_id);
  const isFirst = !isRead;
  if (isFirst) [isRead, cursor] = [true, found.next_cursor];
  const hasMoved = learn(found.jobs) || isFirst || gone.length > 0;
  if (isFirst && cursor && found.jobs.length < PAGE) await more();
  return hasMoved;
}

// Read the next jobs, about a page of them: those of a filter may be far apart.
async function more(limit = PAGE) {
  const asked = query, before = jobs.size;
  for (let request = 0; request < MOST_REQUESTS && cursor && jobs.size < before + PAGE; request++) {
    const found = await get(page(limit, cursor));
    if (query !== asked) return;
    cursor = found.next_cursor;
    learn(found.jobs);
  }
}

// Another order than by time is that of all jobs.
async function readAll(asked) {
  if (!cursor) return;
  while (cursor && jobs.size < MOST_SORTED && query === asked) {
    tell(() => say("jobs.sorting", { number: jobs.size }));
    await more(LARGEST_PAGE);
  }
  tell(cursor ? () => say("jobs.sorted_newest", { number: jobs.size }) : nothing);
}

// Read open jobs that the first page does not have, if their rows are near the window; return whether any changed.
async function readOpen(asked) {
  let hasMoved = false;
  const open = order.slice(PAGE).filter((job) => !isOver(job) && rows.has(job.job_id));
  for (const { links, job_id } of open.slice(0, MOST_OPEN)) {
    const job = await perhaps(links.self), status = filters().get("status");
    if (query !== asked) return false;
    if (job && (!status || job.status === status)) hasMoved = learn([job]) || hasMoved;
    else if (job !== undefined) {
      forget(job_id);
      hasMoved = true;
    }
  }
  if (hasMoved) draw();
  return hasMoved;
}

async function readArrivals() {
  if (!arriving.size) return;
  const listed = new Set([...jobs.values()].map(({ recording }) => recording.key));
  for (const key of [...arriving.keys()]) {
    const found = listed.has(key) ? [] : (await perhaps(`jobs?key=${encodeURIComponent(key)}`))?.jobs ?? [];
    if (!listed.has(key) && !found.length) continue;
    arrive(key);
    if (!query) learn(found);
  }
  draw();
}

// Return null for what was deleted, and undefined when the API throttles, so that the other jobs are still shown.
async function perhaps(path) {
  try {
    return await get(path);
  } catch (error) {
    if (!(error instanceof Refused) || needsToken()) throw error;
    return error.status === 404 ? null : undefined;
  }
}

// Show the counts of jobs by state, and the hours and cost of this month.
async function readTotals() {
  const { counts, months: [{ month, hours, cost }] } = await get("totals");
  totalsAt = Date.now();
  const sum = Object.values(counts).reduce((one, other) => one + other);
  for (const { state, count } of tabs) write(count, () => format("NumberFormat").format(state ? counts[state] : sum));
  const name = () => format("DateTimeFormat", { month: "long" }).format(new Date(`${month}-15`));
  write(find("totals"), () => say("jobs.month", { month: name(), hours: Math.round(hours * 10) / 10, cost: money(cost) }));
}

// Show jobs as they are now; return whether any changed.
function learn(found) {
  let hasMoved = false;
  for (const job of found) {
    const known = jobs.get(job.job_id);
    if ((known || ours.has(job.recording.key)) && known?.stage !== job.stage && isOver(job)) {
      tell(() => aboutJob(job, stageName(job.stage)), job.status === "FAILED");
    }
    hasMoved ||= known?.updated_at !== job.updated_at;
    jobs.set(job.job_id, Object.assign(job, { created: Date.parse(job.created_at), readAt: Date.now() }));
    if (rows.has(job.job_id)) fill(rows.get(job.job_id), job, actions);
  }
  draw();
  return hasMoved;
}

function forget(id) {
  jobs.delete(id);
  selected.delete(id);
}

// --- rows -----------------------------------------------------------------------------------------------------------------

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.isNear = isIntersecting;
    drawChunk(target);
  }
  prune();
}, { rootMargin: "100% 0px" });

function draw() {
  order = sorted(jobs.values(), sortOf(filters()));
  const count = Math.ceil(order.length / PAGE);
  for (const chunk of chunks.splice(count)) {
    watcher.unobserve(chunk);
    chunk.remove();
  }
  while (chunks.length < count) {
    const chunk = make("tbody", { className: "chunk", nth: chunks.length, isNear: !chunks.length });
    chunk.role = "rowgroup";
    chunks.push(chunk);
    find("jobs").append(chunk);
    watcher.observe(chunk);
  }
  chunks.forEach(drawChunk);
  prune();
  find("jobs").ariaRowCount = cursor ? -1 : order.length + 1;
  const isEmpty = isRead && !order.length && !cursor && !arriving.size;
  find("empty").hidden = !isEmpty || Boolean(query);
  find("none").hidden = !isEmpty || !query;
  find("older").hidden = !cursor;
  showSelection();
}

// Draw the rows of a chunk that is near the window. Rows that are in their place stay, and so does the focus.
function drawChunk(chunk) {
  const first = chunk.nth * PAGE, part = order.slice(first, first + PAGE);
  if (chunk.size !== part.length) chunk.style.setProperty("--rows", chunk.size = part.length);
  if (!chunk.isNear && !chunk.contains(document.activeElement)) return chunk.replaceChildren();
  part.forEach((job, at) => {
    if (!rows.has(job.job_id)) rows.set(job.job_id, jobRow(job, actions, select));
    const row = rows.get(job.job_id), there = chunk.children[at];
    if (there !== row) chunk.insertBefore(row, there ?? null);
    row.ariaRowIndex = first + at + 2;
    mark(row);
  });
  while (chunk.children.length > part.length) chunk.lastChild.remove();
  return undefined;
}

function prune() {
  for (const [id, row] of rows) if (!row.isConnected) rows.delete(id);
}

// --- the selection ------------------------------------------------------------------------------------------------------

function select({ job_id }, isSelected) {
  selected[isSelected ? "add" : "delete"](job_id);
  showSelection();
}
function mark(row) {
  const isSelected = selected.has(row.job.job_id);
  row.ariaSelected = isSelected;
  row.parts.select.firstChild.checked = isSelected;
}
const chosen = (accepts) => order.filter((job) => selected.has(job.job_id) && accepts(job));
const hasTranscript = ({ links }) => Boolean(links.transcript), hasFailed = ({ status }) => status === "FAILED";

function showSelection() {
  rows.forEach(mark);
  find("selection").hidden = !selected.size;
  all.checked = selected.size > 0 && selected.size === order.length;
  all.indeterminate = selected.size > 0 && !all.checked;
  if (!selected.size) return;
  write(find("selected"), () => say("jobs.selected", { number: selected.size }));
  find("bulk-download").disabled = !chosen(hasTranscript).length;
  find("bulk-retry").disabled = !chosen(hasFailed).length;
}
const deselect = () => {
  selected.clear();
  showSelection();
};
find("deselect").addEventListener("click", deselect);
find("bulk-download").addEventListener("click", () => downloadAll(chosen(hasTranscript)));
find("bulk-retry").addEventListener("click", () => retry(...chosen(hasFailed)).then(deselect));
find("bulk-delete").addEventListener("click", () => remove(...chosen(() => true)));

// --- what starts a request ----------------------------------------------------------------------------------------------

const older = () => {
  looking = looking.then(async () => {
    const before = jobs.size;
    await more().catch((error) => tell(reason(error, "jobs.unreachable"), true));
    schedule(); // an open job may be among them
    sentinel.unobserve(find("older"));
    if (jobs.size > before) sentinel.observe(find("older")); // it may still be near the window
  });
};
// Of several changes since the last call, the last one counts.
const sentinel = new IntersectionObserver((entries) => { if (entries.at(-1).isIntersecting) older(); }, { rootMargin: "100% 0px" });
sentinel.observe(find("older"));
find("older").addEventListener("click", older);
document.addEventListener("translated", () => { tag = null; if (isShown) look(); }); // the API's texts, too
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
