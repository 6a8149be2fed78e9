// Shows the turns of a transcript. All of them are in the page from the start; the heads and words of those near the
// screen only, as five hours have 75,000 words.

import { make, percent, say, write } from "../common/common.js";
import { DOUBTS, PIECES, readable, START, STRIDE, TEXT } from "./timeline.js";

const BLOCK = 25; // turns, laid out only when they come near the screen
const AGAIN_MS = 60_000; // a speaker's time is shown again after a minute
const HIT = "hit", HIT_NOW = "hit-now";

// Create the list of turns.
//   turns: as in the page's data. speakerOf: returns the speaker of a turn, after merging, or null. nameOf: of a speaker.
//   onSeek: called with a turn and a piece. onRename: called with a speaker and a button that has the name.
export function createTranscript({ turns, lang, speakerOf, nameOf, onSeek, onRename, signal }) {
  const elements = turns.map(([, text], turn) =>
    make("li", { turn }, make("p", { className: "said", dir: "auto", textContent: text })));
  const blocks = [];
  for (let first = 0; first < turns.length; first += BLOCK) {
    blocks.push(make("ol", { start: first + 1, block: blocks.length }, ...elements.slice(first, first + BLOCK)));
  }
  const list = make("div", { id: "turns", lang: lang ?? "" }, ...blocks);
  const region = make("div", { id: "transcript", tabIndex: 0 });
  region.role = "region";
  write(region, () => say("viewer.transcript"), "ariaLabel");

  // --- heads and words ----------------------------------------------------------------------------------------------

  let heads = []; // by turn: its speaker and time, where it shows them; isOther: another speaker than before
  const colourOf = (speaker) => (speaker === null ? "" : `speaker-${speaker % 8}`);

  // The name and the time stand where the speaker changes; the time also after a minute of one speaker, on paper with the
  // name, because a page of it may have no change.
  function drawSpeakers() {
    let before, shownMs = 0;
    heads = turns.map((turn, number) => {
      const speaker = speakerOf(number), isOther = speaker !== before, startMs = turn[PIECES][START] ?? null;
      const isLater = startMs !== null && startMs - shownMs >= AGAIN_MS;
      before = speaker;
      if (!isOther && !isLater) return null;
      shownMs = startMs ?? shownMs;
      return { speaker, isOther, startMs };
    });
    elements.forEach((item, turn) => {
      item.className = colourOf(speakerOf(turn));
      if (item.isDrawn) drawHead(turn);
    });
  }

  function drawHead(turn) {
    const item = elements[turn], head = heads[turn];
    item.isDrawn = true;
    if (item.firstChild !== item.lastChild) item.firstChild.remove();
    if (!head || (head.startMs === null && head.speaker === null)) return;
    const drawn = make("div", { className: "head" });
    if (head.startMs !== null) {
      const at = readable(head.startMs), button = make("button", { type: "button", className: "time", textContent: at, tabIndex: -1 });
      drawn.append(write(button, () => say("viewer.play_from", { time: at }), "ariaLabel"));
    }
    if (head.speaker !== null && !head.isOther) {
      drawn.append(write(make("span", { className: "again", dir: "auto" }), () => nameOf(head.speaker)));
    } else if (head.speaker !== null) {
      const button = make("button", { type: "button", className: "name", dir: "auto", tabIndex: -1, speaker: head.speaker });
      drawn.append(write(write(button, () => nameOf(head.speaker)), () => say("viewer.rename"), "title"));
    }
    item.prepend(drawn);
  }

  function unfold(turn) {
    const said = elements[turn].lastChild;
    if (said.isUnfolded) return said;
    said.isUnfolded = true;
    drawHead(turn);
    const { [TEXT]: text, [PIECES]: pieces, [DOUBTS]: doubts = [] } = turns[turn];
    if (!pieces.length) return said;
    const spans = [];
    for (let at = 0, piece = 0; piece < pieces.length; piece += STRIDE) {
      spans.push(make("span", { piece, textContent: text.slice(at, (at += pieces[piece])) }));
    }
    for (let at = 0; at < doubts.length; at += 2) {
      const span = spans[doubts[at]], confidence = doubts[at + 1] / 100;
      span.className = "doubtful";
      write(span, () => say("viewer.confidence", { confidence: percent(confidence) }), "title");
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
  // Paper shows what no screen has shown yet.
  addEventListener("beforeprint", () => elements.forEach((item, turn) => item.isDrawn || drawHead(turn)), { signal });
  signal.addEventListener("abort", () => watcher.disconnect());

  // --- the current word ---------------------------------------------------------------------------------------------

  let place = null, marked = null;
  function mark(next, isFollowed) {
    if (place?.turn === next?.turn && place?.piece === next?.piece) return;
    marked?.classList.remove("now");
    if (place && place.turn !== next?.turn) elements[place.turn].removeAttribute("aria-current");
    place = next;
    if (!next) return;
    marked = unfold(next.turn).children[next.piece / STRIDE];
    marked.classList.add("now");
    elements[next.turn].setAttribute("aria-current", "true");
    if (isFollowed) marked.scrollIntoView({ block: "nearest" });
  }

  list.addEventListener("click", ({ target }) => {
    const turn = target.closest("li")?.turn;
    if (target.piece !== undefined) onSeek(turn, target.piece);
    else if (target.className === "time") {
      onSeek(turn, 0);
      region.focus({ preventScroll: true }); // so that Space plays from there
    } else if (target.className === "name") onRename(target.speaker, target);
  });

  // --- hits of a search ---------------------------------------------------------------------------------------------

  let hits = [], hit = -1, hitsOf = new Map(); // hits are lists of parts; hitsOf: numbers of hits by block

  function showHits(found) {
    hits = found;
    hit = -1;
    hitsOf = new Map();
    hits.forEach((parts, number) => {
      for (const block of new Set(parts.map(({ text }) => Math.floor(text / BLOCK)))) {
        if (!hitsOf.has(block)) hitsOf.set(block, []);
        hitsOf.get(block).push(number);
      }
    });
    paint();
  }
  function showHit(number) {
    hit = number;
    if (hit >= 0) {
      for (const { text } of hits[hit]) near.add(Math.floor(text / BLOCK));
      elements[hits[hit][0].text].scrollIntoView({ block: "center" });
    }
    paint();
  }

  function rangeOf({ text: turn, from, to }) {
    const range = new Range();
    let before = 0;
    for (const child of elements[turn].lastChild.childNodes) {
      const text = child.firstChild ?? child, behind = before + text.length;
      if (from >= before && from < behind) range.setStart(text, from - before);
      if (to > before && to <= behind) {
        range.setEnd(text, to - before);
        break;
      }
      before = behind;
    }
    return range;
  }

  // Highlight only the hits near the screen.
  function paint() {
    if (!CSS.highlights || signal.aborted) return; // the list and the arrows work without highlights
    const there = [...new Set([...near].flatMap((block) => hitsOf.get(block) ?? []))];
    const ranges = (numbers) => numbers.flatMap((number) => hits[number]).map(rangeOf);
    CSS.highlights.set(HIT, new Highlight(...ranges(there.filter((each) => each !== hit))));
    CSS.highlights.set(HIT_NOW, new Highlight(...ranges(there.filter((each) => each === hit))));
  }
  signal.addEventListener("abort", () => [HIT, HIT_NOW].forEach((name) => CSS.highlights?.delete(name)));

  drawSpeakers();
  return { region, list, mark, drawSpeakers, showHits, showHit, placeOf: () => place };
}

