// What a reader does with jobs: download, retry, cancel, delete.

import { call, failed, post, Refused, tell } from "./api.js";
import { showAdvice, showMenu, sure } from "./popups.js";
import { aboutJob, isOver } from "./rows.js";
import { find, keep, option, recall, save, say } from "../../render/common/common.js";
import { zip } from "./zip.js";

const FORMATS = ["srt", "vtt", "txt", "json", "html"];
const KEPT = "asrcore.format";
let onChange = () => {};

// changed: called when jobs have changed.
export function whenChanged(changed) {
  onChange = changed;
}

find("bulk-format").append(...FORMATS.map((format) => option(format, () => say(`jobs.format.${format}`))));
find("bulk-format").value = FORMATS.find((format) => format === recall(KEPT)) ?? FORMATS[0];
find("bulk-format").addEventListener("change", ({ target }) => keep(KEPT, target.value));

// Return a function that does something and reports its failure.
const reporting = (action) => (...given) => action(...given).catch(failed);

// The API redirects to transcripts that are too large for a response, without the token; a download may need minutes.
// A file lasts longer than the recording's address that a page may have.
const transcript = async (job, format) =>
  (await call(`${job.links.transcript}?format=${format}&inline=true&playable=false`, { signal: AbortSignal.timeout(600_000) })).blob();

const download = reporting(async (job, format) => save(await transcript(job, format), `${job.name}.${format}`));

// Do something to each job, also behind one that the API rejects. Return the first rejection, or null.
async function each(jobs, action) {
  let first = null;
  for (const job of jobs) {
    try {
      await action(job);
    } catch (error) {
      if (!error.status) throw error; // there is no network, or no token: the other jobs would fail, too
      first ??= jobs.length > 1 ? new Refused(() => aboutJob(job, error.said()), error.status) : error;
    }
  }
  return first;
}

export const downloadAll = reporting(async (jobs) => {
  const format = find("bulk-format").value, files = [];
  const rejected = await each(jobs, async (job) => {
    tell(() => say("jobs.downloading", { number: files.length + 1, count: jobs.length }));
    files.push([`${job.name}.${format}`, new Uint8Array(await (await transcript(job, format)).arrayBuffer())]);
  });
  if (files.length) save(zip(files), `transcripts.${format}.zip`);
  if (rejected) throw rejected;
  tell(() => say("jobs.downloaded", { count: files.length }));
});

// Change each job, and show the list as it is then, also when one fails.
async function change(jobs, action) {
  let rejected = null;
  try {
    rejected = await each(jobs, action);
  } finally {
    onChange();
  }
  if (rejected) throw rejected;
}

export const retry = reporting((...jobs) => change(jobs, ({ links }) => post(`${links.self}/redrive`)));

const cancel = reporting(async (job) => {
  if (!await sure(() => aboutJob(job, say("jobs.cancel_question")), () => say("jobs.cancel_now"))) return;
  await change([job], ({ links }) => post(`${links.self}/cancel`));
  tell(() => say("jobs.cancelled"));
});

export const remove = reporting(async (...jobs) => {
  const question = () => (jobs.length === 1 ? aboutJob(jobs[0], say("jobs.delete_question")) : say("jobs.delete_many", { count: jobs.length }));
  if (!await sure(question, () => say("jobs.delete_for_ever"))) return;
  await change(jobs, ({ links }) => call(links.self, { method: "DELETE" }));
  tell(() => say("jobs.deleted"));
});

// What the buttons of a row do.
export const actions = {
  menu: (opener, job) => showMenu(opener, [
    ...(job.links.transcript ? FORMATS.map((format) => [() => say(`jobs.format.${format}`), () => download(job, format)]) : []),
    ...(job.status === "FAILED" ? [[() => say("jobs.retry"), () => retry(job)]] : []),
    ...(isOver(job) ? [] : [[() => say("jobs.cancel"), () => cancel(job)]]),
    [() => say("jobs.delete_more"), () => remove(job), true],
  ]),
  retry: (_, job) => retry(job),
  advice: (opener, { error }) => showAdvice(opener, say("jobs.error", error)),
  warnings: (opener, { warnings }) => showAdvice(opener, ...warnings.map(({ text }) => text)),
};
