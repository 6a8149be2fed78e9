// Shows the transcript that this page holds as data. Its texts are inserted as text, never as markup.

import { duration, find, keep, language, languageName, make, moment, option, recall, save, say, stored, vendorName, write, writeFacts } from "../common/common.js";

const tell = (code) => write(find("message"), () => (code ? say(code) : ""));

// --- the data -------------------------------------------------------------------------------------------------------

const { job, name: title, facts, warnings, speakers, turns } = stored("data");
const [SPEAKER, TEXT, PIECES] = [0, 1, 2]; // of a turn
const START = 1, END = 2, STRIDE = 3; // in its pieces: length, start and end of each, in milliseconds

const player = find("player"), region = find("transcript"), list = find("turns");
document.title = title;
find("title").textContent = title;
writeFacts(find("about"), [
  ...(facts.language ? [() => languageName(facts.language)] : []),
  () => vendorName(facts.vendor),
  ...(facts.duration_ms ? [() => duration(facts.duration_ms / 1000)] : []),
  () => moment(facts.completed_at),
]);
find("warned").append(...warnings[language()].map((_, nth) => write(make("p"), () => warnings[language()][nth])));
find("warnings").hidden = !warnings[language()].length;

const readable = (ms) => {
  const seconds = Math.floor(ms / 1000), two = (number) => String(number).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

// --- speakers -------------------------------------------------------------------------------------------------------

// A speaker has a name of the reader's choice, or one in the reader's language; files have theirs in the recording's.
const NAMES = `asrcore.names.${job}`;
const kept = recall(NAMES);
const names = speakers.inFiles.map((_, speaker) => { // other pages of the same origin may have stored anything
  const name = Array.isArray(kept) && kept[speaker];
  return typeof name === "string" ? name.trim() : "";
});
const originalName = (speaker) => speakers[language()][speaker];
const nameOf = (speaker) => names[speaker] || originalName(speaker);

function rename(speaker, name) {
  names[speaker] = name.trim();
  for (const element of list.querySelectorAll(`[data-speaker="${speaker}"] .name`)) element.textContent = nameOf(speaker);
  keep(NAMES, names);
}

names.forEach((name, speaker) => {
  const input = make("input", { value: name, autocomplete: "off", maxLength: 80 });
  write(input, () => originalName(speaker), "placeholder");
  input.addEventListener("change", () => rename(speaker, input.value));
  const label = write(make("span", { className: "name" }), () => originalName(speaker));
  find("names").append(make("label", { className: `speaker-${speaker % 8}` }, label, input));
});
find("speakers").hidden = !names.length;

// --- the transcript -------------------------------------------------------------------------------------------------

const elements = turns.map(([speaker, text], index) => {
  const said = make("p", { className: "said", dir: "auto", textContent: text });
  const item = make("li", { turn: index, className: speaker === null ? "" : `speaker-${speaker % 8}` }, said);
  if (speaker !== null) item.dataset.speaker = speaker;
  return item;
});
// Blocks, each laid out only when it comes near the screen.
const BLOCK = 25;
const blocks = [];
for (let first = 0; first < turns.length; first += BLOCK) {
  blocks.push(make("ol", { start: first + 1, block: blocks.length }, ...elements.slice(first, first + BLOCK)));
}
list.lang = facts.language ?? "";
list.append(...blocks);
if (!turns.length) tell("viewer.no_speech");

// Create the elements of a turn's head and words near the screen only: five hours have 75,000.
function unfold(index) {
  const [speaker, text, pieces] = turns[index], said = elements[index].lastChild;
  if (said.unfolded) return said;
  said.unfolded = true;
  const head = make("div");
  if (pieces.length) {
    const at = readable(pieces[START]);
    const button = make("button", { type: "button", className: "time", textContent: at, tabIndex: -1 });
    head.append(write(button, () => say("viewer.play_from", { time: at }), "ariaLabel"));
  }
  if (speaker !== null) head.append(write(make("span", { className: "name" }), () => nameOf(speaker)));
  if (head.firstChild) said.before(head);
  if (!pieces.length) return said;
  const spans = [];
  for (let at = 0, piece = 0; piece < pieces.length; piece += STRIDE) {
    spans.push(make("span", { piece, textContent: text.slice(at, (at += pieces[piece])) }));
  }
  said.replaceChildren(...spans);
  return said;
}
const near = new Set(); // blocks
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) for (const item of target.children) unfold(item.turn);
    near[isIntersecting ? "add" : "delete"](target.block);
  }
  paint();
}, { root: region, rootMargin: "50%" });
blocks.forEach((block) => watcher.observe(block));

// --- where we are: a turn and a piece of it --------------------------------------------------------------------------

const timed = turns.map((_, index) => index).filter((index) => turns[index][PIECES].length);
const startOf = (index) => turns[index][PIECES][START];
const endOf = (index) => turns[index][PIECES].at(-1);
timed.sort((one, other) => startOf(one) - startOf(other));
const latestEnds = []; // where a search backwards may stop, as no earlier turn lasts until then
for (const index of timed) latestEnds.push(Math.max(latestEnds.at(-1) ?? 0, endOf(index)));

// How many of `count` ascending values are at most `value`.
function countUpTo(value, count, valueAt) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) <= value) low = middle + 1; else high = middle;
  }
  return low;
}

function placeIn(turn, ms) {
  if (ms < startOf(turn) || ms >= endOf(turn)) return null;
  const pieces = turns[turn][PIECES];
  return { turn, piece: STRIDE * (countUpTo(ms, pieces.length / STRIDE, (at) => pieces[at * STRIDE + START]) - 1) };
}

// When two speakers overlap, stay with the current turn, else choose the one that began last.
function placeAt(ms) {
  const same = place && placeIn(place.turn, ms);
  if (same) return same;
  for (let order = countUpTo(ms, timed.length, (at) => startOf(timed[at])) - 1; latestEnds[order] > ms; order--) {
    const found = placeIn(timed[order], ms);
    if (found) return found;
  }
  return null;
}

let place = null, marked = null;
function mark(next) {
  if (place?.turn === next?.turn && place?.piece === next?.piece) return;
  marked?.classList.remove("now");
  if (place && place.turn !== next?.turn) elements[place.turn].removeAttribute("aria-current");
  place = next;
  if (!next) return;
  marked = unfold(next.turn).children[next.piece / STRIDE];
  marked.classList.add("now");
  elements[next.turn].setAttribute("aria-current", "true");
  if (find("follow").checked) marked.scrollIntoView({ block: "nearest" });
}

function seek(turn, piece) {
  mark({ turn, piece });
  lastPlace = place;
  // The next whole millisecond's middle: a player that rounds down must not land in the word before.
  player.currentTime = (turns[turn][PIECES][piece + START] + 0.5) / 1000;
  if (!player.src) tell("viewer.choose_to_play");
}

let lastPlace = null; // survives the silence between two words
function follow() {
  const here = placeAt(player.currentTime * 1000);
  // Of two words at the same time, the chosen one stays marked.
  const isHere = here && place && startAt(here) === startAt(place);
  if (!isHere) mark(here);
  lastPlace = place ?? lastPlace;
}
const startAt = ({ turn, piece }) => turns[turn][PIECES][piece + START];

function play() {
  follow();
  if (!player.paused) requestAnimationFrame(play);
}
player.addEventListener("play", play);
player.addEventListener("seeked", follow);

function move(by, isWhole) {
  const from = lastPlace;
  if (!from) return timed.length ? seek(timed[0], 0) : undefined;
  const piece = from.piece + by * STRIDE;
  if (!isWhole && piece >= 0 && piece < turns[from.turn][PIECES].length) return seek(from.turn, piece);
  const turn = timed[timed.indexOf(from.turn) + by];
  if (turn === undefined) return undefined;
  return seek(turn, isWhole || by > 0 ? 0 : turns[turn][PIECES].length - STRIDE);
}

// --- the recording --------------------------------------------------------------------------------------------------

const url = stored("recording");
function load(source) {
  player.src = source;
  player.hidden = false;
  write(find("pick").firstChild, () => say("viewer.choose_another"));
  tell("");
}
if (url) load(url);
find("file").addEventListener("change", ({ target }) => {
  if (!target.files.length) return;
  if (player.src.startsWith("blob:")) URL.revokeObjectURL(player.src);
  const at = player.currentTime;
  load(URL.createObjectURL(target.files[0]));
  player.currentTime = at;
  region.focus({ preventScroll: true }); // else Space would open the file dialog again
});
function showPlaybackError() {
  tell("viewer.not_playable");
}
player.addEventListener("error", showPlaybackError);

// --- mouse and keys -------------------------------------------------------------------------------------------------

list.addEventListener("click", ({ target }) => {
  const turn = target.closest("li")?.turn;
  if (target.piece !== undefined) seek(turn, target.piece);
  else if (target.className === "time") {
    seek(turn, 0);
    region.focus({ preventScroll: true }); // so that Space plays from there
  }
});
function playOrPause() {
  if (!player.src) return tell("viewer.choose_to_play");
  if (!player.paused) return player.pause();
  return player.play().catch(() => player.error && showPlaybackError()); // else it was paused before it began
}
const KEYS = {
  " ": playOrPause,
  ArrowLeft: () => move(-1, false),
  ArrowRight: () => move(1, false),
  ArrowUp: () => move(-1, true),
  ArrowDown: () => move(1, true),
  "/": () => find("search").focus(),
};
// With any focus except controls with their own keys. Shift and an arrow select; on some keyboards Shift types a slash.
document.addEventListener("keydown", (event) => {
  const isPlain = !(event.ctrlKey || event.altKey || event.metaKey || (event.shiftKey && event.key !== "/"));
  if (!isPlain || !Object.hasOwn(KEYS, event.key)) return;
  if (event.target.closest("input, select, textarea, button, summary, audio")) return;
  event.preventDefault();
  KEYS[event.key]();
});
region.focus({ preventScroll: true });

// --- search ---------------------------------------------------------------------------------------------------------

const fold = (text) => { // of the same length, so that its positions are positions in the text
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
};
const folded = turns.map((turn) => fold(turn[TEXT]));
let hits = [], hit = -1, hitsOf = new Map(), sought = ""; // hitsOf: by block

function look() {
  sought = fold(find("search").value.trim());
  hits = [];
  hitsOf = new Map();
  folded.forEach((text, turn) => {
    for (let at = sought ? text.indexOf(sought) : -1; at >= 0; at = text.indexOf(sought, at + sought.length)) {
      const block = Math.floor(turn / BLOCK);
      if (!hitsOf.has(block)) hitsOf.set(block, []);
      hitsOf.get(block).push(hits.length);
      hits.push({ turn, at });
    }
  });
  find("previous").disabled = find("next").disabled = !hits.length;
  hit = -1;
  go(0);
}

function go(to) {
  hit = hits.length ? (to + hits.length) % hits.length : -1;
  const there = { hit: hit + 1, count: hits.length };
  write(find("count"), () => (!sought ? "" : there.count ? say("viewer.hit", there) : say("viewer.no_hits")));
  if (hit >= 0) {
    near.add(Math.floor(hits[hit].turn / BLOCK));
    elements[hits[hit].turn].scrollIntoView({ block: "center" });
  }
  paint();
}

function rangeOf({ turn, at }) {
  const said = elements[turn].lastChild, range = new Range(), last = at + sought.length;
  let before = 0;
  for (const child of said.childNodes) {
    const text = child.firstChild ?? child, behind = before + text.length;
    if (at >= before && at < behind) range.setStart(text, at - before);
    if (last > before && last <= behind) {
      range.setEnd(text, last - before);
      break;
    }
    before = behind;
  }
  return range;
}

// Highlight only the hits near the screen.
function paint() {
  if (!CSS.highlights) return; // the count and the arrows work without highlights
  const there = [...near].flatMap((block) => hitsOf.get(block) ?? []);
  CSS.highlights.set("hit", new Highlight(...there.filter((each) => each !== hit).map((each) => rangeOf(hits[each]))));
  CSS.highlights.set("hit-now", new Highlight(...there.filter((each) => each === hit).map((each) => rangeOf(hits[each]))));
}

let waiting = 0;
find("search").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, 80);
});
find("search").addEventListener("keydown", (event) => {
  if (event.key === "Escape") return region.focus();
  if (event.key !== "Enter") return undefined;
  event.preventDefault();
  return go(hit + (event.shiftKey ? -1 : 1));
});
find("previous").addEventListener("click", () => go(hit - 1));
find("next").addEventListener("click", () => go(hit + 1));

// --- copy and download ----------------------------------------------------------------------------------------------

const formats = Object.keys(stored("exports"));
find("format").append(...formats.map((format) => option(format, () => say(`viewer.format.${format}`))));
if (turns.length && !formats.includes("srt")) tell("viewer.no_times");

function exported(format) {
  const escapes = format === "vtt" ? { "&": "&amp;", "<": "&lt;", ">": "&gt;" } : {};
  const escaped = (name) => name.replace(/[&<>]/g, (character) => escapes[character] ?? character);
  return stored("exports")[format].replace(/\u0001(\d+)\u0001/g, (_, speaker) => escaped(names[speaker] || speakers.inFiles[speaker]));
}
find("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(exported(find("format").value));
    tell("viewer.copied");
  } catch {
    tell("viewer.copy_refused");
  }
});
find("download").addEventListener("click", () => {
  const format = find("format").value;
  save(new Blob([exported(format)], { type: "text/plain" }), `${title}.${format}`);
});
