// Shows the transcript of a job in a page that has an API: the same view as in a downloaded file, whose data it reads.

import { known, make, writeFacts } from "../common/common.js";
import { showTranscript } from "./view.js";

const AGAIN_MS = 5_000; // between two looks at a job that is open
const GIVE_UP_MS = 600_000; // a transcript of hours, by a slow network

// Return the data of a page: JSON, in which no `<` is literal.
const block = (page, id) => JSON.parse(page.match(new RegExp(`id="${id}">([^<]*)<`))[1]);

// Show a job's transcript. bar: the empty part of the page's header for the view; body: the empty place below it;
// id: of the job; api: `call(path, options)` and `get(path)`, which throw what `api.reason(error, code)` explains.
// Return a function that ends the view: it stops what plays and what is requested. The page empties bar and body.
export function mountTranscript({ bar, body, id, api }) {
  const ended = new AbortController(), { signal } = ended, here = `/jobs/${id}`;
  let view = null, timer = 0, job = null;

  async function open() {
    job = await api.get(here, { signal });
    if (signal.aborted) return;
    if (!job.links.transcript) return showState();
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(GIVE_UP_MS)]) };
    const page = await (await api.call(`${job.links.transcript}?format=html&playable=false`, options)).text();
    if (signal.aborted) return;
    bar.replaceChildren();
    body.replaceChildren();
    view = showTranscript({
      bar,
      body,
      data: block(page, "data"),
      exports: block(page, "exports"),
      details: () => job,
      getAddress: () => api.get(`${here}/recording`, { signal }),
    });
  }

  // Show what an open or failed job waits for, or failed by; look at an open one again.
  function showState() {
    const { key } = job.recording, title = key.slice(key.lastIndexOf("/") + 1), facts = make("p", { className: "unfinished" });
    bar.replaceChildren(make("h1", { dir: "auto", textContent: title, title }));
    const { stage, error } = job;
    writeFacts(facts, [() => known(`jobs.stage.${stage}`, stage), ...(error ? [() => error.message] : [])]);
    body.replaceChildren(facts);
  }

  const isOpen = () => job && !job.links.transcript && !job.error;
  async function start() {
    clearTimeout(timer);
    try {
      await open();
    } catch (error) {
      if (!signal.aborted) api.failed(error);
    }
    if (isOpen() && !signal.aborted && !document.hidden) timer = setTimeout(start, AGAIN_MS);
  }
  document.addEventListener("visibilitychange", () => { if (isOpen() && !document.hidden) start(); }, { signal });
  // The API's texts are in the reader's language, too.
  document.addEventListener("translated", async () => {
    if (!view) return;
    try {
      job = await api.get(here, { signal });
      view.redraw();
    } catch (error) {
      if (!signal.aborted) api.failed(error);
    }
  }, { signal });
  start();
  return () => {
    ended.abort();
    clearTimeout(timer);
    view?.end();
  };
}
