// A transcript with its recording: the view that a downloaded file and the jobs page show. Texts of a transcript are
// inserted as text, never as markup.

import { duration, keep, language, languageName, make, moment, recall, save, say, vendorName, write, writeFacts } from "../common/common.js";
import { createFiles, createInformation, createSearch, createSpeakers } from "./panel.js";
import { createPlayer } from "./player.js";
import { searchIn } from "./search.js";
import { changed, LONGEST_NAME, restored } from "./speakers.js";
import { PIECES, SPEAKER, START, TEXT, timelineOf } from "./timeline.js";
import { createTranscript } from "./transcript.js";

const WIDE = "(min-width: 60rem)"; // the panel has room beside the transcript
// Safari has no idle callbacks.
const afterPaint = globalThis.requestIdleCallback ?? ((action) => setTimeout(action));
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

// Show a transcript.
//   bar: the empty part of the page's header. body: the empty element below it. data, exports: as `write` in html.py makes
//   them. details: returns the job's `{ vendor, cost, attempts, warnings, conversion }` in the reader's language.
//   getAddress: as of `createPlayer`.
// Return `{ end, redraw }`: end stops what plays; redraw shows new details. The page empties bar and body.
export function showTranscript({ bar, body, data, exports, details, getAddress }) {
  const { job, name: title, facts, speakers, turns } = data;
  const ended = new AbortController(), { signal } = ended;
  const timeline = timelineOf(turns);
  const message = make("p", { id: "message" });
  message.role = "status";
  const tell = (code) => write(message, () => (code ? say(code) : ""));

  // --- speakers: a name of the reader's choice, or one in the reader's language; files have theirs in the recording's ----

  const { keys } = speakers, CHANGES = `asrcore.speakers.${job}`;
  let changes = restored(recall(CHANGES), keys);
  const merged = (speaker) => (changes.merged[keys[speaker]] === undefined ? speaker : keys.indexOf(changes.merged[keys[speaker]]));
  const speakerOf = (turn) => (turns[turn][SPEAKER] === null ? null : merged(turns[turn][SPEAKER]));
  const originOf = (speaker) => speakers[language()][speaker];
  const nameOf = (speaker) => changes.names[keys[speaker]] ?? originOf(speaker);
  const nameInFiles = (speaker) => changes.names[keys[merged(speaker)]] ?? speakers.inFiles[merged(speaker)];
  const shares = speakers.keys.map(() => 0);
  for (const turn of timeline.timed) {
    if (turns[turn][SPEAKER] !== null) shares[turns[turn][SPEAKER]] += timeline.endOf(turn) - timeline.startOf(turn);
  }
  const shareOf = (speaker) => shares.reduce((sum, ms, each) => (merged(each) === speaker ? sum + ms : sum), 0);

  function change(action) {
    changes = changed(changes, action);
    keep(CHANGES, changes);
    transcript.drawSpeakers();
    people.draw();
    drawColours();
  }
  // Put a field into the place of a name until the reader has typed another one.
  function rename(speaker, shown) {
    const input = make("input", { className: "rename", value: nameOf(speaker), maxLength: LONGEST_NAME, autocomplete: "off", dir: "auto" });
    write(input, () => say("viewer.new_name", { name: originOf(speaker) }), "ariaLabel");
    const isInList = transcript.list.contains(shown);
    let isDone = false;
    const finish = (isKept) => {
      if (isDone) return;
      isDone = true;
      input.replaceWith(shown);
      const name = input.value.trim() === originOf(speaker) ? "" : input.value;
      if (isKept) change({ type: "rename", key: keys[speaker], name });
    };
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return; // Enter ends a Chinese word, too
      event.preventDefault();
      finish(event.key === "Enter");
      if (isInList) transcript.region.focus({ preventScroll: true });
      else people.element.querySelectorAll("button")[speaker]?.focus();
    });
    input.addEventListener("blur", () => finish(true));
    shown.replaceWith(input);
    input.select();
    input.focus();
  }

  // --- the parts --------------------------------------------------------------------------------------------------------

  let lastPlace = null; // survives the silence between two words
  function seek(turn, piece) {
    transcript.mark({ turn, piece }, player.isFollowing());
    lastPlace = { turn, piece };
    player.seek(turns[turn][PIECES][piece + START]);
  }
  function onTime(ms) {
    const place = transcript.placeOf(), here = timeline.placeAt(ms, place);
    // Of two words at the same time, the chosen one stays marked.
    const isHere = here && place && timeline.startAt(here) === timeline.startAt(place);
    if (!isHere) transcript.mark(here, player.isFollowing());
    lastPlace = transcript.placeOf() ?? lastPlace;
  }
  const transcript = createTranscript({ turns, lang: facts.language, speakerOf, nameOf, onSeek: seek, onRename: rename, signal });
  const player = createPlayer({ timeline, length: facts.duration_ms, getAddress, tell, onTime, onLength: () => drawColours(), onSource: () => files.append(player.pick), signal });
  let find = null; // five hours are folded after the first paint, or when the reader searches
  const prepareSearch = () => { find ??= searchIn(turns.map((turn) => turn[TEXT])); };
  const search = createSearch({
    find(sought) {
      prepareSearch();
      return find(sought);
    },
    textOf: (turn) => turns[turn][TEXT],
    timeOf: (turn) => turns[turn][PIECES][START] ?? null,
    onHits: transcript.showHits,
    onHit: transcript.showHit,
    leave: () => transcript.region.focus(),
  });
  const people = createSpeakers({
    keys, originOf, nameOf, shareOf,
    mergedInto: (key) => changes.merged[key],
    onRename: rename,
    onMerge: (key, into) => change(into ? { type: "merge", key, into } : { type: "separate", key }),
  });
  const information = createInformation({ facts, details });
  const formats = Object.keys(exports);
  function exported(format) {
    const escaped = (name) => (format === "vtt" ? name.replace(/[&<>]/g, (character) => ESCAPES[character]) : name);
    return exports[format].replace(/\u0001(\d+)\u0001/g, (_, speaker) => escaped(nameInFiles(Number(speaker))));
  }
  const files = createFiles({
    formats, exported, tell,
    save: (format) => save(new Blob([exported(format)], { type: "text/plain" }), `${title}.${format}`),
  });

  function drawColours() {
    const style = getComputedStyle(view);
    const colours = Array.from({ length: 8 }, (_, nth) => style.getPropertyValue(`--speaker-${nth}`));
    const plain = style.getPropertyValue("--quiet");
    player.drawColours((turn) => (speakerOf(turn) === null ? plain : colours[speakerOf(turn) % 8]));
  }

  // --- the page ---------------------------------------------------------------------------------------------------------

  const about = make("p", { id: "about", className: "note" });
  writeFacts(about, [
    ...(facts.language ? [() => languageName(facts.language)] : []),
    () => vendorName(facts.vendor),
    ...(facts.duration_ms ? [() => duration(facts.duration_ms / 1000)] : []),
    () => moment(facts.completed_at),
  ]);
  const keysHint = write(make("p", { id: "keys", className: "note" }), () => say("viewer.keys"));
  transcript.region.setAttribute("aria-describedby", keysHint.id);
  transcript.region.append(about, keysHint, transcript.list);
  const panel = make("aside", { id: "panel", hidden: !matchMedia(WIDE).matches }, search.element, people.element, information.element, files);
  write(panel, () => say("viewer.panel"), "ariaLabel");
  const view = make("div", { className: "view" }, player.picture, transcript.region, panel, message, player.bar);
  const opener = write(make("button", { type: "button", className: "opener" }), () => say("viewer.panel"));
  function openPanel(isOpen) {
    panel.hidden = !isOpen;
    opener.setAttribute("aria-expanded", isOpen);
  }
  opener.setAttribute("aria-controls", panel.id);
  openPanel(!panel.hidden);
  opener.addEventListener("click", () => openPanel(panel.hidden));
  const heading = make("h1", { dir: "auto", textContent: title, title });
  bar.append(heading, opener);
  body.append(view);

  const retitle = () => { document.title = title; };
  retitle();
  document.addEventListener("translated", () => { retitle(); information.draw(); }, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawColours, { signal });
  const sizes = new ResizeObserver(drawColours);
  sizes.observe(player.colours);
  signal.addEventListener("abort", () => sizes.disconnect());
  player.file.addEventListener("change", ({ target }) => {
    if (!target.files.length) return;
    player.playFile(target.files[0]);
    transcript.region.focus({ preventScroll: true }); // else Space would open the file dialog again
  });

  // --- keys -------------------------------------------------------------------------------------------------------------

  function move(by, isWhole) {
    const next = timeline.neighbour(lastPlace, by, isWhole);
    if (next) seek(next.turn, next.piece);
  }
  const KEYS = {
    " ": player.playOrPause,
    ArrowLeft: () => move(-1, false),
    ArrowRight: () => move(1, false),
    ArrowUp: () => move(-1, true),
    ArrowDown: () => move(1, true),
    "/": () => { openPanel(true); search.field.focus(); },
  };
  // With any focus except controls with their own keys. Shift and an arrow select; on some keyboards Shift types a slash.
  document.addEventListener("keydown", (event) => {
    const isPlain = !(event.ctrlKey || event.altKey || event.metaKey || (event.shiftKey && event.key !== "/"));
    if (!isPlain || !Object.hasOwn(KEYS, event.key)) return;
    if (event.target.closest("input, select, textarea, button, summary, a, video")) return;
    event.preventDefault();
    KEYS[event.key]();
  }, { signal });

  if (!turns.length) tell("viewer.no_speech");
  else if (!formats.includes("srt")) tell("viewer.no_times");
  transcript.region.focus({ preventScroll: true });
  player.start();
  afterPaint(() => {
    people.draw();
    information.draw();
    prepareSearch();
  });
  return {
    redraw: information.draw,
    end() {
      ended.abort();
      player.end();
    },
  };
}
