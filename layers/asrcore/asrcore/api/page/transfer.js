// Sends a recording to the audio bucket: by a form that the API signs, or, if it is large, in parts that can be resumed.

import { call, get, post, Refused } from "./api.js";
import { keep, recall, say } from "../../render/common/common.js";

const PARTS_AT_ONCE = 3, ATTEMPTS = 3, NOT_FOUND = 404;
const KEPT = "asrcore.uploads", MOST_KEPT = 20; // uploads in parts that this browser may resume, by file and options

// Upload a file; return its key in the bucket. progress: gets the part that is sent, from 0 to 1.
export async function send(file, settings, signal, progress) {
  const of = JSON.stringify([file.name, file.size, file.lastModified, settings]);
  const found = await interrupted(of);
  if (found) return found.parts ? sendParts(file, of, found, signal, progress) : found.key;
  const content_type = /^(audio|video)\//.test(file.type) ? file.type.split(";")[0] : null;
  const asked = { name: file.name, content_type, size_bytes: file.size, ...settings };
  const ticket = await (await post("uploads", asked)).json();
  if (ticket.multipart) {
    remember(of, ticket.multipart.upload_id);
    return sendParts(file, of, { ...ticket.multipart, uploaded: [] }, signal, progress);
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.fields)) form.append(name, value);
  form.append("file", file);
  await transfer("POST", ticket.url, form, signal, progress);
  return ticket.key;
}

const remembered = () => new Map(recall(KEPT) ?? []);
function remember(of, upload_id) {
  const kept = remembered();
  kept.delete(of);
  if (upload_id) kept.set(of, upload_id);
  keep(KEPT, [...kept].slice(-MOST_KEPT));
}

// Return the upload of this file that was interrupted, if S3 has it still, or its recording, if only the answer to its
// completion was lost. Another rejection passes: the parts stay.
async function interrupted(of) {
  const upload_id = remembered().get(of);
  if (!upload_id) return null;
  const found = await unlessGone(get(`uploads/${upload_id}`)) ?? await unlessGone(complete(upload_id));
  if (!found?.parts) remember(of, null);
  return found && { upload_id, ...found };
}
const unlessGone = (answer) => answer.catch((error) => {
  if (error.status !== NOT_FOUND) throw error;
  return null;
});
const complete = async (upload_id) => (await post(`uploads/${upload_id}/complete`)).json();

async function sendParts(file, of, { upload_id, part_bytes, parts, uploaded }, signal, progress) {
  const sent = new Map(uploaded.map(({ number, size_bytes }) => [number, size_bytes])); // bytes by part
  const missing = Array.from({ length: parts }, (_, nth) => nth + 1).filter((number) => !sent.has(number));
  const failed = new AbortController(), either = AbortSignal.any([signal, failed.signal]);
  const show = () => progress([...sent.values()].reduce((sum, bytes) => sum + bytes, 0) / file.size);
  const sendOne = async (number) => {
    const content = file.slice((number - 1) * part_bytes, number * part_bytes);
    const { urls: [{ url }] } = await (await post(`uploads/${upload_id}/parts`, { numbers: [number] })).json();
    await transfer("PUT", url, content, either, (part) => {
      sent.set(number, part * content.size);
      show();
    });
  };
  const sendSome = async () => {
    for (let number = missing.shift(); number; number = missing.shift()) await repeated(() => sendOne(number), either);
  };
  show();
  try {
    signal.throwIfAborted();
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sendSome));
    const { key } = await repeated(() => complete(upload_id), signal);
    remember(of, null);
    return key;
  } catch (error) {
    failed.abort();
    if (signal.aborted) {
      remember(of, null);
      call(`uploads/${upload_id}`, { method: "DELETE" }).catch(() => {}); // S3 deletes it in a week otherwise
    }
    throw error;
  }
}

// Do something up to ATTEMPTS times.
async function repeated(action, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (attempt === ATTEMPTS || signal.aborted) throw error;
    }
  }
}

// By XMLHttpRequest: fetch does not report an upload's progress.
const transfer = (method, url, body, signal, progress) => new Promise((resolve, reject) => {
  signal.throwIfAborted(); // while the API signed the request
  const request = new XMLHttpRequest(), stop = () => request.abort();
  const refuse = (code) => reject(new Refused(() => say(code)));
  request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
  request.addEventListener("load", () => (request.status < 300 ? resolve() : refuse("jobs.upload_rejected")));
  request.addEventListener("error", () => refuse("jobs.upload_interrupted"));
  request.addEventListener("abort", () => reject(signal.reason));
  request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
  signal.addEventListener("abort", stop);
  request.open(method, url);
  request.send(body);
});
