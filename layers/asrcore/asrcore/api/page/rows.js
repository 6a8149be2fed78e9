// The rows of the table: their cells, and what those of a job show.

import { clock, duration, format, make, money, moment, rewrite, say, vendorName, write } from "../../render/common/common.js";
import { jobAddress } from "./router.js";

export const COLUMNS = ["select", "name", "length", "created", "state", "vendor", "cost", "menu"];
export const isOver = ({ status }) => status === "COMPLETED" || status === "FAILED";
export const aboutJob = ({ name }, what) => say("jobs.about", { file: name, what });

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte"];
export function fileSize(bytes) {
  const step = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const form = { style: "unit", unit: SIZES[step], maximumFractionDigits: 0, roundingMode: "floor" };
  return format("NumberFormat", form).format(bytes / 1000 ** step);
}

// Return a time without its year, if that is this one.
function shortMoment(time) {
  const at = new Date(time), isRecent = at.getFullYear() === new Date().getFullYear();
  return format("DateTimeFormat", {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", ...(isRecent ? {} : { year: "numeric" }),
  }).format(at);
}

// Return the time of a job of today, and the day of another: a phone has no room for both.
function briefMoment(time) {
  const at = new Date(time), now = new Date();
  const isOfToday = at.toDateString() === now.toDateString(), isRecent = at.getFullYear() === now.getFullYear();
  return format("DateTimeFormat", isOfToday
    ? { hour: "2-digit", minute: "2-digit" }
    : { month: "short", day: "numeric", ...(isRecent ? {} : { year: "numeric" }) }).format(at);
}

// Return a row and its cells by column. The display of a table's parts is a grid, hence their roles.
export function cells(name) {
  const row = make("tr"), parts = {};
  row.role = "row";
  for (const column of COLUMNS) {
    const cell = make(column === "name" ? "th" : "td", { className: column });
    if (column === "name") cell.scope = "row";
    cell.role = column === "name" ? "rowheader" : "cell";
    parts[column] = cell;
    row.append(cell);
  }
  parts.name.append(make("span", { textContent: name, title: name, dir: "auto" }));
  return { row, parts };
}

// Create the row of a job. actions: by name, functions of a button and a job; select: of a job and whether it is selected.
export function jobRow(job, actions, select) {
  const { row, parts } = cells(job.name);
  Object.assign(row, { job, parts });
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => select(row.job, box.checked));
  parts.select.append(write(box, () => aboutJob(row.job, say("jobs.select")), "ariaLabel"));
  write(parts.length, () => (row.job.length_s === null ? "" : clock(row.job.length_s)));
  for (const [className, said] of [["wide", shortMoment], ["narrow", briefMoment]]) {
    parts.created.append(write(make("span", { className }), () => said(row.job.created_at)));
  }
  write(parts.created, () => moment(row.job.created_at), "title");
  write(parts.vendor, () => (row.job.vendor ? vendorName(row.job.vendor) : ""));
  write(parts.cost, () => (row.job.cost.total ? money(row.job.cost.total) : ""));
  parts.menu.append(act(row, "jobs.more", actions.menu, "⋯"));
  row.addEventListener("click", ({ target }) => {
    if (row.job.links.transcript && !target.closest("a, button, input") && getSelection().isCollapsed) location.hash = jobAddress(row.job.job_id);
  });
  fill(row, job, actions);
  return row;
}

// Show a job in its row, and keep what has the focus.
export function fill(row, job, actions) {
  row.job = job;
  const { status, stage, links, warnings, error, typical_s } = job;
  const kind = JSON.stringify([status, stage, links, warnings, error, Boolean(typical_s), job.waiting?.text]);
  if (row.kind === kind) return rewriteRow(row);
  row.kind = kind;
  const [name] = row.parts.name.children;
  const shown = make(links.transcript ? "a" : "span", { textContent: job.name, title: job.recording.key, dir: "auto" });
  if (links.transcript) shown.href = jobAddress(job.job_id);
  if (name.tagName !== shown.tagName || !name.title) name.replaceWith(shown);
  row.classList.toggle("opens", Boolean(links.transcript));
  row.parts.state.replaceChildren(...stateOf(row, actions));
  return rewriteRow(row);
}
function rewriteRow(row) {
  rewrite(row);
  const bar = row.querySelector("progress");
  if (bar) bar.value = Math.min(1, elapsedOf(row.job) / row.job.typical_s);
}

// Return an open job's time in seconds until now. readAt: when the page has read it.
const elapsedOf = ({ elapsed_s, readAt }) => elapsed_s + (Date.now() - readAt) / 1000;

function stateOf(row, actions) {
  const { job } = row;
  const said = (text, className) => write(write(make("span", { className }), text), text, "title");
  if (job.status === "COMPLETED") {
    const warned = act(row, "jobs.warnings", actions.warnings, "⚠");
    return [said(() => stageName(row.job.stage), "good"), ...(job.warnings.length ? [warned] : [])];
  }
  if (job.status === "FAILED") {
    row.classList.add("has-failed");
    // The row has the name already, which many messages begin with.
    const why = () => say("jobs.failed", { reason: row.job.error.message.replace(row.job.recording.key, "").trim().split("\n")[0] });
    return [said(why, "said bad"), act(row, "jobs.retry", actions.retry), act(row, "jobs.what_to_do", actions.advice)];
  }
  if (job.waiting) return [said(() => row.job.waiting.text, "said")];
  if (!job.typical_s) return [said(() => stageName(row.job.stage), "said"), said(() => say("jobs.elapsed_so_far", { duration: duration(elapsedOf(row.job)) }), "quiet")];
  const bar = write(make("progress", { max: 1 }), () => aboutJob(row.job, stageName(row.job.stage)), "ariaLabel");
  const times = () => say("jobs.of_usual", { duration: duration(elapsedOf(row.job)), usual: duration(row.job.typical_s) });
  return [said(() => stageName(row.job.stage), "said"), bar, said(times, "quiet")];
}
export const stageName = (stage) => say(`jobs.stage.${stage}`);

// Return a button of a job's row; its label has the job, too. sign: shown instead of the text.
function act(row, code, action, sign) {
  const made = make("button", { type: "button", className: sign ? "small plain" : "small" });
  if (sign) made.textContent = sign; else write(made, () => say(code));
  made.addEventListener("click", () => action(made, row.job));
  return write(made, () => aboutJob(row.job, say(code)), "ariaLabel");
}
