// Records from the microphone.

import { duration, find, say, write } from "../../render/common/common.js";
import { tell } from "./api.js";

const PART_MS = 1_000;
const TYPES = ["audio/webm;codecs=opus", "audio/mp4"]; // those of Chromium and Firefox, that of Safari

// Offer recording. add: gets each recording as a file.
export function offerRecording(add) {
  let recorder = null;
  find("record").hidden = !navigator.mediaDevices || !globalThis.MediaRecorder;
  find("record").addEventListener("click", async () => {
    try {
      recorder = await record(add);
    } catch {
      tell(() => say("jobs.record_refused"), true);
    }
  });
  find("stop").addEventListener("click", () => recorder.stop());
  find("discard").addEventListener("click", () => {
    recorder.isDiscarded = true;
    recorder.stop();
  });
  find("recorder").addEventListener("cancel", (event) => event.preventDefault()); // Escape would lose the recording
}

async function record(add) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream, { mimeType: TYPES.find((type) => MediaRecorder.isTypeSupported(type)) });
  const parts = [], start = Date.now();
  const showLength = () => write(find("recorded"), () => say("jobs.recorded", { duration: duration((Date.now() - start) / 1000) }));
  recorder.addEventListener("dataavailable", ({ data }) => {
    parts.push(data);
    showLength();
  });
  recorder.addEventListener("stop", () => {
    for (const track of stream.getTracks()) track.stop();
    find("recorder").close();
    if (!recorder.isDiscarded) add([named(parts, recorder.mimeType.split(";")[0])]);
  });
  recorder.start(PART_MS);
  showLength();
  find("recorder").showModal();
  return recorder;
}

function named(parts, type) {
  const at = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  return new File(parts, `${at.replace("T", " ").replaceAll(":", "-")}.${type.split("/")[1]}`, { type });
}
