// When each turn of a transcript was spoken, and each piece of it. Times are milliseconds. A place is a turn's number and
// the position of a piece in its `pieces`.

import { clock } from "../common/common.js";

// The parts of a turn.
export const SPEAKER = 0;
export const TEXT = 1;
export const PIECES = 2;
export const DOUBTS = 3;
// In the pieces of a turn: length, start and end of each.
export const START = 1;
const END = 2;
export const STRIDE = 3;
const SILENCE_MS = 1_000; // shorter pauses are part of speech
const MARGIN_MS = 200; // of a silence, kept at both ends

// How many of `count` ascending values are at most `value`.
function countUpTo(value, count, valueAt) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) <= value) low = middle + 1; else high = middle;
  }
  return low;
}

export function timelineOf(turns) {
  const timed = turns.map((_, turn) => turn).filter((turn) => turns[turn][PIECES].length);
  const startOf = (turn) => turns[turn][PIECES][START];
  const endOf = (turn) => turns[turn][PIECES].at(-1);
  timed.sort((one, other) => startOf(one) - startOf(other));
  const latestEnds = []; // where a search backwards may stop, as no earlier turn lasts until then
  for (const turn of timed) latestEnds.push(Math.max(latestEnds.at(-1) ?? 0, endOf(turn)));

  function placeIn(turn, ms) {
    if (ms < startOf(turn) || ms >= endOf(turn)) return null;
    const pieces = turns[turn][PIECES];
    return { turn, piece: STRIDE * (countUpTo(ms, pieces.length / STRIDE, (at) => pieces[at * STRIDE + START]) - 1) };
  }

  // When two speakers overlap, stay with the current turn, else choose the one that began last.
  function placeAt(ms, current) {
    const same = current && placeIn(current.turn, ms);
    if (same) return same;
    for (let order = countUpTo(ms, timed.length, (at) => startOf(timed[at])) - 1; latestEnds[order] > ms; order--) {
      const found = placeIn(timed[order], ms);
      if (found) return found;
    }
    return null;
  }

  // Return the neighbour of a place: the next piece, or the next whole turn. by: 1 or -1.
  function neighbour(from, by, isWhole) {
    if (!from) return timed.length ? { turn: timed[0], piece: 0 } : null;
    const piece = from.piece + by * STRIDE;
    if (!isWhole && piece >= 0 && piece < turns[from.turn][PIECES].length) return { turn: from.turn, piece };
    const turn = timed[timed.indexOf(from.turn) + by];
    if (turn === undefined) return null;
    return { turn, piece: isWhole || by > 0 ? 0 : turns[turn][PIECES].length - STRIDE };
  }

  // Return the silences before and between the pieces, in order: pairs of start and end.
  function silences() {
    const found = [];
    let spokenUntil = 0;
    const pieces = timed.flatMap((turn) => {
      const all = [];
      for (let at = 0; at < turns[turn][PIECES].length; at += STRIDE) {
        all.push([turns[turn][PIECES][at + START], turns[turn][PIECES][at + END]]);
      }
      return all;
    });
    pieces.sort(([one], [other]) => one - other);
    for (const [start, end] of pieces) {
      if (start - spokenUntil >= SILENCE_MS) found.push([spokenUntil + MARGIN_MS, start - MARGIN_MS]);
      spokenUntil = Math.max(spokenUntil, end);
    }
    return found;
  }
  let known = null; // computed when a reader first skips silence

  return {
    timed,
    placeAt,
    neighbour,
    startOf,
    endOf,
    startAt: ({ turn, piece }) => turns[turn][PIECES][piece + START],
    length: latestEnds.at(-1) ?? 0,
    // Return the end of the silence at a time; null during speech.
    silenceEnd(ms) {
      known ??= silences();
      const silence = known[countUpTo(ms, known.length, (at) => known[at][0]) - 1];
      return silence && ms < silence[1] ? silence[1] : null;
    },
  };
}

export const readable = (ms) => clock(Math.floor(ms / 1000));
