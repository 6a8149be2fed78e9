// What a reader changes about the speakers of a transcript: names, and several labels that are one speaker. The changes
// are a small document beside the transcript, which stays as the vendor returned it:
// `{ schema, names: { key: name }, merged: { key: key of the other } }`. A key names a speaker in the transcript.

const SCHEMA = "asrcore.speakers.v1";
export const LONGEST_NAME = 80;
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g; // would reorder what follows a name in a file
const UNCHANGED = { schema: SCHEMA, names: {}, merged: {} };

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// Return the document after an action: `{ type: "rename", key, name }` (an empty name restores the vendor's),
// `{ type: "merge", key, into }`, or `{ type: "separate", key }`.
export function changed({ names, merged }, { type, key, name, into }) {
  const others = (record) => Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
  if (type === "rename") {
    const tidy = name.replace(DIRECTIONS, "").trim().slice(0, LONGEST_NAME);
    return { schema: SCHEMA, merged, names: { ...others(names), ...(tidy && { [key]: tidy }) } };
  }
  if (type === "separate") return { schema: SCHEMA, names, merged: others(merged) };
  const target = merged[into] ?? into;
  if (target === key) return { schema: SCHEMA, names, merged };
  const moved = Object.entries(merged).map(([each, to]) => [each, to === key ? target : to]);
  return { schema: SCHEMA, names, merged: { ...Object.fromEntries(moved), [key]: target } };
}

// Return the document that was stored, without what is not of these speakers: other pages of the same origin may have
// stored anything.
export function restored(value, keys) {
  if (!isObject(value)) return UNCHANGED;
  let changes = UNCHANGED;
  for (const [key, name] of Object.entries(isObject(value.names) ? value.names : {})) {
    if (keys.includes(key) && typeof name === "string") changes = changed(changes, { type: "rename", key, name });
  }
  for (const [key, into] of Object.entries(isObject(value.merged) ? value.merged : {})) {
    if (keys.includes(key) && keys.includes(into)) changes = changed(changes, { type: "merge", key, into });
  }
  return changes;
}
