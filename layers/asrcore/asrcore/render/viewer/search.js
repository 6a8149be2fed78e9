// Finds what a reader types in the texts of a transcript: in any width, case or accent, with or without punctuation,
// within one text or across several.

const CLUSTERS = /[^\p{M}\uff9e\uff9f][\p{M}\uff9e\uff9f]*|[\p{M}\uff9e\uff9f]+/gu; // a character and its marks
const DROPPED = /[\p{P}\p{C}\s\u0300-\u036f]/gu; // punctuation, control characters, spaces, accents
const UNSPACED = /[\u2e80-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u; // a script without spaces between its words

// Upper case first: it has "SS" for the one sharp s of German, and one sigma for the two of Greek.
const foldCluster = (cluster) =>
  cluster.normalize("NFKD").replace(DROPPED, "").toUpperCase().toLowerCase().normalize("NFC");

// Return the texts folded and joined, and for each of its characters which part of its text it stands for.
function foldAll(texts) {
  const seen = new Map(), starts = [], from = [], to = [], folded = [];
  let last = "";
  for (const text of texts) {
    starts.push(from.length);
    let at = 0, isGap = last !== "";
    for (const cluster of text.match(CLUSTERS) ?? []) {
      const behind = at + cluster.length;
      let form = seen.get(cluster);
      if (form === undefined) seen.set(cluster, form = foldCluster(cluster));
      if (form === "") {
        isGap ||= cluster.trim() === "";
      } else {
        if (isGap && last !== "" && !UNSPACED.test(last) && !UNSPACED.test(form)) form = ` ${form}`;
        for (let unit = 0; unit < form.length; unit++) {
          from.push(at);
          to.push(form[unit] === " " ? at : behind);
        }
        folded.push(form);
        last = form;
        isGap = false;
      }
      at = behind;
    }
  }
  starts.push(from.length);
  return { folded: folded.join(""), starts, from, to };
}

const fold = (text) => foldAll([text]).folded;

// Return a function that finds a text in all of `texts`, in their order. A hit has a part in each text that it touches:
// `{ text, from, to }`, the text's number and the positions in it.
export function searchIn(texts) {
  const { folded, starts, from, to } = foldAll(texts);

  function partsOf(first, last, text) {
    const parts = [];
    for (; text < texts.length && starts[text] < last; text++) {
      const low = Math.max(first, starts[text]), high = Math.min(last, starts[text + 1]) - 1;
      if (low <= high && from[low] < to[high]) parts.push({ text, from: from[low], to: to[high] });
    }
    return parts;
  }

  return (sought) => {
    const wanted = fold(sought), hits = [];
    if (!wanted) return hits;
    let text = 0;
    for (let at = folded.indexOf(wanted); at >= 0; at = folded.indexOf(wanted, at + wanted.length)) {
      while (starts[text + 1] <= at) text++;
      hits.push(partsOf(at, at + wanted.length, text));
    }
    return hits;
  };
}
