// Sends a recording to the audio bucket, by a form that the API signs.

import { post, Refused } from "./api.js";
import { fileSize } from "./rows.js";
import { say } from "../../render/common/common.js";

// Upload a file; return its key in the bucket. progress: gets the part that is sent, from 0 to 1.
export async function send(file, { vendor, options }, signal, progress) {
  const content_type = /^(audio|video)\//.test(file.type) ? file.type.split(";")[0] : null;
  const ticket = await (await post("uploads", { name: file.name, content_type, vendor, options })).json();
  if (file.size > ticket.max_bytes) {
    throw new Refused(() => say("jobs.file_too_large", { file: file.name, size: fileSize(ticket.max_bytes) }));
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.fields)) form.append(name, value);
  form.append("file", file);
  await transfer("POST", ticket.url, form, signal, progress);
  return ticket.key;
}

// By XMLHttpRequest: fetch does not report an upload's progress.
const transfer = (method, url, body, signal, progress) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  const refuse = (code) => reject(new Refused(() => say(code)));
  request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
  request.addEventListener("load", () => (request.status < 300 ? resolve(request) : refuse("jobs.upload_rejected")));
  request.addEventListener("error", () => refuse("jobs.upload_interrupted"));
  request.addEventListener("abort", () => reject(signal.reason));
  signal.addEventListener("abort", () => request.abort());
  request.open(method, url);
  request.send(body);
});
