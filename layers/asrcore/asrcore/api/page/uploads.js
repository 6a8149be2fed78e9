// Uploads recordings: each is a row from its first byte until its job is listed.

import { reason, Refused, tell } from "./api.js";
import { dropped, ofFolder } from "./files.js";
import { uploadOptions } from "./options.js";
import { aboutJob, cells, fileSize } from "./rows.js";
import { send } from "./transfer.js";
import { find, make, percent, say, vendorName, write } from "../../render/common/common.js";

const AT_ONCE = 3;
const rows = make("tbody", { id: "uploads" });
rows.role = "rowgroup";
const waiting = []; // uploads that have not begun
export const arriving = new Map(); // uploads without a listed job so far, by key
export const ours = new Set(); // keys of what this page uploaded
let running = 0, onArrival = () => {};

// Begin to offer uploads. uploaded: called when S3 has stored a recording.
export function offerUploads(uploaded) {
  onArrival = uploaded;
  find("head").parentNode.after(rows);
}

export function add(files, settings = uploadOptions()) {
  for (const file of files) {
    const upload = { file, settings };
    show(upload);
    begin(upload);
  }
}

function begin(upload) {
  Object.assign(upload, { ended: new AbortController(), part: 0, problem: null });
  waiting.push(upload);
  fill(upload);
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running++;
    transfer(waiting.shift()).finally(() => { running--; next(); });
  }
}

async function transfer(upload) {
  const { file, ended, settings } = upload;
  try {
    if (!file.size) throw new Refused(() => say("jobs.empty_file", { file: file.name }));
    const key = await send(file, settings, ended.signal, (part) => {
      upload.part = part;
      fill(upload);
    });
    upload.isStored = true;
    fill(upload);
    arriving.set(key, upload);
    ours.add(key);
    onArrival();
  } catch (error) {
    if (ended.signal.aborted) return;
    upload.problem = reason(error, "jobs.upload_unreachable");
    fill(upload);
  }
}

// Remove the row of an upload whose job is listed.
export function arrive(key) {
  arriving.get(key).row.remove();
  arriving.delete(key);
}

function cancel(upload) {
  upload.ended.abort();
  if (waiting.includes(upload)) waiting.splice(waiting.indexOf(upload), 1);
  upload.row.remove();
}

function show(upload) {
  const { file } = upload, { row, parts } = cells(file.name);
  Object.assign(upload, { row, parts });
  write(parts.created, () => say("jobs.now"));
  write(parts.length, () => fileSize(file.size));
  write(parts.vendor, () => (upload.settings.vendor === "auto" ? say("jobs.automatic") : vendorName(upload.settings.vendor)));
  rows.append(row);
}

function fill(upload) {
  const { file, parts: { state }, problem, isStored, part } = upload;
  const kind = problem ? "failed" : isStored ? "stored" : "uploading";
  if (upload.kind !== kind) {
    upload.kind = kind;
    const act = (code, action) => {
      const made = make("button", { type: "button", className: "small" });
      made.addEventListener("click", action);
      return write(write(made, () => say(code)), () => aboutJob(file, say(code)), "ariaLabel");
    };
    const stop = (code) => act(code, () => cancel(upload));
    const said = make("span", { className: "said" });
    state.replaceChildren(said, ...{
      failed: () => [act("jobs.retry", () => begin(upload)), stop("jobs.remove")],
      stored: () => [],
      uploading: () => [make("progress", { max: 1, ariaLabel: file.name }), stop("jobs.cancel")],
    }[kind]());
    said.classList.toggle("bad", kind === "failed");
  }
  if (kind === "uploading") state.querySelector("progress").value = part;
  const [said] = state.children;
  write(said, problem ?? (() => say(isStored ? "jobs.uploaded" : file.type.startsWith("video/") ? "jobs.uploading_video" : "jobs.uploading",
    { part: percent(part) })));
  write(said, () => said.textContent, "title");
}

// --- files ----------------------------------------------------------------------------------------------------------

function take({ files, others }) {
  if (others) tell(() => say("jobs.others", { number: others }));
  add(files);
}
find("files").addEventListener("change", ({ target }) => {
  add([...target.files]);
  target.value = "";
});
find("folder").addEventListener("change", ({ target }) => {
  take(ofFolder(target.files));
  target.value = "";
});
const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    find("drop").hidden = name !== "dragover";
    if (name === "drop") take(await dropped(event.dataTransfer));
  });
}
