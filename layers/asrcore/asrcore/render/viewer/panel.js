// The side panel: search with its hits, speakers, information about the job, files.

import { duration, languageName, make, money, moment, option, percent, say, vendorName, write } from "../common/common.js";
import { readable } from "./timeline.js";

const HITS_AT_ONCE = 100;
const AROUND = 24; // characters of a hit's text on each side
const DELAY_MS = 80; // in which a reader may type another letter

const button = (code, action) => {
  const made = write(make("button", { type: "button" }), () => say(code));
  made.addEventListener("click", action);
  return made;
};
const labelled = (element, code) => write(element, () => say(code), "ariaLabel");
function section(code, isOpen, ...children) {
  const summary = make("summary", {}, write(make("h2"), () => say(code)));
  return make("details", { open: isOpen }, summary, ...children);
}

// Create the search.
//   find: returns the hits of a text, lists of parts. textOf: of a turn. timeOf: of a turn, in milliseconds, or null.
//   onHits: called with all hits. onHit: called with the number of the one to show, or -1.
export function createSearch({ find, textOf, timeOf, onHits, onHit, leave }) {
  const field = labelled(make("input", { type: "search", autocomplete: "off", spellcheck: false }), "viewer.search_transcript");
  write(field, () => say("viewer.search"), "placeholder");
  const previous = labelled(make("button", { type: "button", className: "up", disabled: true }), "viewer.previous_hit");
  const next = labelled(make("button", { type: "button", className: "down", disabled: true }), "viewer.next_hit");
  const count = make("output", { id: "count" });
  const list = make("ol", { className: "hits" }), more = button("viewer.more_hits", () => extend(list.children.length + HITS_AT_ONCE));
  labelled(list, "viewer.hits");
  const element = make("div", { className: "search" }, make("div", { className: "field" }, field, previous, next), count, list, more);
  element.role = "search";
  let hits = [], hit = -1, waiting = 0;

  // A hit as its first part shows it, with some text on both sides.
  function lineOf(parts, number) {
    const [{ text: turn, from, to }] = parts, text = textOf(turn), at = timeOf(turn), start = Math.max(0, from - AROUND);
    const snippet = make("bdi", {}, text.slice(start, from), make("mark", { textContent: text.slice(from, to) }));
    for (const part of parts.slice(1)) snippet.append(make("mark", { textContent: textOf(part.text).slice(part.from, part.to) }));
    const last = parts.at(-1);
    snippet.append(textOf(last.text).slice(last.to, last.to + AROUND));
    const made = make("button", { type: "button" }, ...(at === null ? [] : [make("span", { className: "clock", textContent: readable(at) })]), snippet);
    made.addEventListener("click", () => go(number));
    return make("li", {}, made);
  }
  function extend(until) {
    const shown = list.children.length;
    list.append(...hits.slice(shown, until).map((parts, nth) => lineOf(parts, shown + nth)));
    more.hidden = list.children.length >= hits.length;
    list.hidden = !hits.length;
  }

  function look() {
    hits = find(field.value);
    onHits(hits);
    list.replaceChildren();
    extend(HITS_AT_ONCE);
    previous.disabled = next.disabled = !hits.length;
    hit = -1;
    go(0);
  }
  function go(to) {
    list.children[hit]?.firstChild.removeAttribute("aria-current");
    hit = hits.length ? (to + hits.length) % hits.length : -1;
    const there = { hit: hit + 1, count: hits.length }, isBlank = !field.value.trim();
    write(count, () => (isBlank ? "" : there.count ? say("viewer.hit", there) : say("viewer.no_hits")));
    if (hit >= list.children.length) extend(hit + 1);
    const line = list.children[hit];
    line?.firstChild.setAttribute("aria-current", "true");
    if (line) list.scrollTop = line.offsetTop - list.offsetTop - list.clientHeight / 2;
    onHit(hit);
  }

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, DELAY_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return undefined; // Enter ends a Chinese word, too
    if (event.key === "Escape") return leave();
    if (event.key !== "Enter") return undefined;
    event.preventDefault();
    return go(hit + (event.shiftKey ? -1 : 1));
  });
  previous.addEventListener("click", () => go(hit - 1));
  next.addEventListener("click", () => go(hit + 1));
  extend(0);
  return { element, field };
}

// Create the section of the speakers; `draw` fills it.
//   keys: of all speakers. originOf: returns the vendor's name of a speaker. nameOf: with the reader's changes.
//   mergedInto: returns the key of the speaker that it was merged into, or undefined. shareOf: returns a speaker's speech in
//   milliseconds. onRename: called with a speaker and the button of its name. onMerge: called with two keys, the second
//   empty to separate.
export function createSpeakers({ keys, originOf, nameOf, mergedInto, shareOf, onRename, onMerge }) {
  const list = make("ul", { className: "speakers" }), element = section("viewer.speakers", true, list);
  element.hidden = !keys.length;

  function row(key, speaker) {
    const into = mergedInto(key), item = make("li", { className: `speaker-${keys.indexOf(into ?? key) % 8}` });
    const name = make("button", { type: "button", className: "name", dir: "auto" });
    write(write(name, () => (into === undefined ? nameOf(speaker) : originOf(speaker))), () => say("viewer.rename"), "title");
    name.disabled = into !== undefined;
    name.addEventListener("click", () => onRename(speaker, name));
    item.append(name);
    if (into === undefined) {
      const [ms, whole] = [shareOf(speaker), Math.max(1, keys.reduce((sum, _, each) => sum + shareOf(each), 0))];
      item.append(write(make("span", { className: "share" }), () => say("viewer.share", { part: percent(ms / whole), time: duration(ms / 1000) })));
    }
    const others = keys.filter((other) => other !== key && mergedInto(other) === undefined);
    const merge = write(make("select"), () => say("viewer.merge", { name: originOf(speaker) }), "ariaLabel");
    merge.append(option("", () => say("viewer.not_merged")), ...others.map((other) => option(other, () => say("viewer.same_as", { name: nameOf(keys.indexOf(other)) }))));
    merge.value = into ?? "";
    merge.addEventListener("change", () => onMerge(key, merge.value));
    if (keys.length > 1) item.append(merge);
    return item;
  }
  const draw = () => list.replaceChildren(...keys.map(row));
  return { element, draw };
}

// Create the section of what is known about the job; `draw` fills it. facts: of the recording. details: returns what the API, or the
// file, has in the reader's language.
export function createInformation({ facts, details }) {
  const list = make("dl"), element = section("viewer.information", false, list);
  const line = (className, code, ...values) =>
    make("div", { className }, write(make("dt"), () => say(code)), ...values.map((value) => make("dd", { dir: "auto", textContent: value })));

  function attempt({ vendor, outcome, code, message, submitted_at: from, ended_at: until }) {
    const name = vendorName(vendor);
    if (!outcome) return say("viewer.attempt_open", { vendor: name });
    if (outcome !== "completed") return say("viewer.attempt_failed", { vendor: name, message: message ?? outcome, code: code ?? outcome });
    const time = from && until ? duration((new Date(until) - new Date(from)) / 1000) : "";
    return say(time ? "viewer.attempt_completed_in" : "viewer.attempt_completed", { vendor: name, time });
  }
  function conversion({ audio }) {
    return say("viewer.converted", { format: audio.format.toUpperCase(), khz: audio.sample_rate_hz / 1000, channels: audio.channels });
  }
  function draw() {
    const known = details(), total = known.cost?.total;
    const orNone = (values) => (values.length ? values : [say("viewer.none")]);
    list.replaceChildren(
      line("vendor", "viewer.vendor", vendorName(known.vendor ?? facts.vendor), ...(known.choice ? [known.choice.text] : [])),
      ...(facts.language ? [line("language", "viewer.language", languageName(facts.language))] : []),
      ...(facts.duration_ms ? [line("length", "viewer.length", duration(facts.duration_ms / 1000))] : []),
      line("completed", "viewer.completed", moment(facts.completed_at)),
      line("cost", "viewer.cost", total ? money(total) : say("viewer.unknown")),
      line("attempts", "viewer.attempts", ...orNone(known.attempts.map(attempt))),
      line("warnings", "viewer.warnings", ...orNone(known.warnings.map(({ text }) => text))),
      line("conversion", "viewer.conversion", ...orNone(known.conversion ? [conversion(known.conversion)] : [])),
    );
    if (known.warnings.length) element.open = true;
  }
  return { element, draw };
}

// Create the section of files to copy and to download. formats: of the exports. exported: returns the text of a format.
export function createFiles({ formats, exported, save, tell }) {
  const format = labelled(make("select"), "viewer.format");
  format.append(...formats.map((each) => option(each, () => say(`viewer.format.${each}`))));
  const copy = button("viewer.copy", async () => {
    try {
      await navigator.clipboard.writeText(exported(format.value));
      tell("viewer.copied");
    } catch {
      tell("viewer.copy_refused");
    }
  });
  const download = button("viewer.download", () => save(format.value));
  return section("viewer.files", true, make("div", { className: "field" }, format, copy, download));
}
