// The files that a reader drops or chooses; of a folder, those that are recordings.

const MEDIA = /\.(3gp|aac|ac3|aiff?|amr|avi|caf|flac|flv|m4a|mka|mkv|mov|mp2|mp3|mp4|mpe?g|oga|ogg|opus|silk|spx|wav|webm|wma|wmv)$/i;
const isRecording = ({ name, type }) => !name.startsWith(".") && (/^(audio|video)\//.test(type) || MEDIA.test(name));

// Return the recordings of a folder that was chosen, and how many other files it has.
export function ofFolder(files) {
  const recordings = [...files].filter(isRecording);
  return { files: recordings, others: files.length - recordings.length };
}

// Return the files that were dropped: each that was dropped itself, and the recordings of folders.
// An entry exists only during the event: read all of them before anything waits.
export async function dropped({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return { files: [...files], others: 0 };
  const found = { files: [], others: 0 };
  for (const entry of entries) {
    if (entry.isFile) {
      found.files.push(await fileOf(entry));
      continue;
    }
    const { files: recordings, others } = ofFolder(await walked(entry));
    found.files.push(...recordings);
    found.others += others;
  }
  return found;
}

const fileOf = (entry) => new Promise((done, fail) => { entry.file(done, fail); });

async function walked(folder) {
  const reader = folder.createReader(), files = [];
  for (;;) {
    const some = await new Promise((done, fail) => { reader.readEntries(done, fail); }); // 100 at most
    if (!some.length) return files;
    for (const entry of some) files.push(...(entry.isFile ? [await fileOf(entry)] : await walked(entry)));
  }
}
