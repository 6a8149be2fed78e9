// Shows the transcript of a job in a page that has an API.

import { make } from "../common/common.js";

// Show a job's transcript. bar: the empty part of the page's header for the view; body: the empty place below it;
// id: of the job; api: `call(path, options)` and `get(path)`, which throw what `api.reason(error, code)` explains.
// Return a function that ends the view: it stops what plays and what is requested. The page empties bar and body.
export function mountTranscript({ bar, body, id, api }) {
  const ended = new AbortController(), text = make("pre", { dir: "auto" });
  bar.append(make("h1", { textContent: id }));
  body.append(text);
  api.call(`/jobs/${id}/transcript?format=txt&inline=true`, { signal: ended.signal })
    .then((answer) => answer.text())
    .then((content) => { text.textContent = content; })
    .catch((error) => { if (!ended.signal.aborted) api.failed(error); });
  return () => ended.abort();
}
