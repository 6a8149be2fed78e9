// The addresses of the page: `#/jobs?…` is the list with its filters, `#/jobs/<id>` a transcript.

import { call, failed, get, reason } from "./api.js";
import { find, rewrite } from "../../render/common/common.js";
import { mountTranscript } from "../../render/viewer/mount.js";

const JOB = /^#\/jobs\/([^/?]+)$/;
let end = null; // of the transcript that is shown

export const jobAddress = (id) => `#/jobs/${id}`;
// The filters in the address of the list.
export const filters = () => new URLSearchParams(JOB.test(location.hash) ? "" : location.hash.split("?")[1]);
export const listAddress = (query) => (`${query}` ? `#/jobs?${query}` : "#/jobs");

// Show what the address names. showList: called with true when the list appears, with false when it disappears.
export function route(showList) {
  end?.();
  end = null;
  const [, id] = location.hash.match(JOB) ?? [];
  for (const name of ["bar", "view"]) find(name).replaceChildren();
  find("list").hidden = find("list-bar").hidden = Boolean(id);
  find("view").hidden = !id;
  rewrite(document.head); // a transcript has a title of its own
  showList(!id);
  if (id) end = mountTranscript({ bar: find("bar"), body: find("view"), id, api: { call, failed, get, reason } });
}
