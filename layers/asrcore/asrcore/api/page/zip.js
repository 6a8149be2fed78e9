// Writes a zip archive of files that are stored as they are (APPNOTE 6.3, sections 4.3 and 4.4).

const FOLDER_ENTRY = 0x02014b50, FILE_ENTRY = 0x04034b50, END = 0x06054b50;
const VERSION = 20, UTF_8 = 0x0800, MOST_FILES = 0xffff, MOST_BYTES = 0xffffffff;

const CRC = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Return little-endian bytes. fields: [value, bytes of it] each.
function packed(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, size]) => sum + size, 0)));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

// Return a name that `taken` has not, which grows: `talk.srt`, `talk (2).srt`.
function unique(name, taken) {
  const dot = name.lastIndexOf("."), [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${stem} (${number})${end}`;
  taken.add(free);
  return free;
}

// Return an archive as a Blob. files: [name, Uint8Array] each; a name that occurs again gets a number. at: its date.
export function zip(files, at = new Date()) {
  const time = [at.getHours() << 11 | at.getMinutes() << 5 | at.getSeconds() >> 1, 2];
  const date = [at.getFullYear() - 1980 << 9 | at.getMonth() + 1 << 5 | at.getDate(), 2];
  const parts = [], folder = [], taken = new Set();
  let offset = 0;
  for (const [wanted, bytes] of files) {
    const name = new TextEncoder().encode(unique(wanted.replaceAll(/[/\\]/g, "_"), taken));
    const common = [[VERSION, 2], [UTF_8, 2], [0, 2], time, date, [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [name.length, 2], [0, 2]];
    const head = packed([FILE_ENTRY, 4], ...common);
    parts.push(head, name, bytes);
    folder.push(packed([FOLDER_ENTRY, 4], [VERSION, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), name);
    offset += head.length + name.length + bytes.length;
  }
  const size = folder.reduce((sum, { length }) => sum + length, 0);
  if (files.length > MOST_FILES || offset + size > MOST_BYTES) throw new RangeError("zip64");
  const end = packed([END, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...folder, end], { type: "application/zip" });
}
