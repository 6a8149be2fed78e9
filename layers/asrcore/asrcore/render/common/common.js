// Common to the pages: elements, texts in the reader's language, files.

export const find = (id) => document.getElementById(id);
export const stored = (id) => JSON.parse(find(id).textContent);
export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// A browser may have no storage for a page from disk; then a value lasts as long as the page.
export function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}
export function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // as above
  }
}

// --- the reader's language ------------------------------------------------------------------------------------------

const TEXTS = stored("texts"); // by language and code
const LANGUAGES = Object.keys(TEXTS);
const CHOICE = "asrcore.language";
const baseOf = (tag) => tag.split("-")[0].toLowerCase();

let chosen = LANGUAGES.find((each) => each === recall(CHOICE))
  ?? navigator.languages.map((tag) => LANGUAGES.find((each) => baseOf(each) === baseOf(tag))).find(Boolean)
  ?? LANGUAGES[0];
export const language = () => chosen;

// Return a formatter of Intl in the reader's language. A new one takes longer than a row of a table.
const FORMATS = new Map();
export function format(kind, options = {}) {
  const key = JSON.stringify([chosen, kind, options]);
  if (!FORMATS.has(key)) FORMATS.set(key, new Intl[kind](chosen, options));
  return FORMATS.get(key);
}

// The text of a code. Numbers are written as the language does.
export const say = (code, params = {}) => TEXTS[chosen][code].replace(/\{(\w+)\}/g, (_, name) =>
  (typeof params[name] === "number" ? format("NumberFormat").format(params[name]) : params[name]));

// Write a text, or another property, and again whenever the reader changes the language. said: returns the text.
export function write(element, said, property = "textContent") {
  element.dataset.said = "";
  element.said = { ...element.said, [property]: said };
  element[property] = said();
  return element;
}
export const option = (value, said) => write(make("option", { value }), said);

// Write the texts in a part of the page again.
export function rewrite(root) {
  for (const element of root.querySelectorAll("[data-said]")) {
    for (const [property, said] of Object.entries(element.said)) element[property] = said();
  }
}
function translate() {
  document.documentElement.lang = chosen;
  rewrite(document);
}

for (const [name, property] of [["say", "textContent"], ["label", "ariaLabel"], ["hint", "placeholder"]]) {
  for (const element of document.querySelectorAll(`[data-${name}]`)) write(element, () => say(element.dataset[name]), property);
}
for (const each of LANGUAGES) {
  find("switch").append(make("option", { value: each, lang: each, textContent: TEXTS[each]["common.name"] }));
}
find("switch").value = chosen;
find("switch").addEventListener("change", ({ target }) => {
  chosen = target.value;
  keep(CHOICE, chosen);
  translate();
  document.dispatchEvent(new Event("translated"));
});
const chinese = navigator.languages.find((tag) => baseOf(tag) === "zh");
find("traditional").hidden = !chinese || new Intl.Locale(chinese).maximize().script !== "Hant";
translate();

export const known = (code, otherwise) => TEXTS[chosen][code] ?? otherwise;
export const vendorName = (vendor) => known(`common.vendor.${vendor}`, vendor);
// Browsers have no names for some varieties of Chinese; `tag` of a vendor may be no language tag at all.
export function languageName(tag) {
  try {
    const names = format("DisplayNames", { type: "language", languageDisplay: "standard" });
    return known(`common.language.${tag}`, names.of(tag));
  } catch {
    return tag;
  }
}
export function duration(seconds) { // a second at least
  const whole = Math.max(1, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const parts = { hours, minutes, ...(!hours && { seconds: whole % 60 }) };
  return format("DurationFormat", { style: "short" }).format(parts);
}
// A length as players show it: 1:05, 1:02:05.
export function clock(seconds) {
  const whole = Math.round(seconds), two = (number) => `${number}`.padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
export function money({ usd, cny }) {
  const [currency, amount] = language() === "en" ? ["USD", usd] : ["CNY", cny];
  const digits = amount && amount < .1 ? 4 : 2;
  return format("NumberFormat", { style: "currency", currency, maximumFractionDigits: digits }).format(amount);
}
export const percent = (part) => format("NumberFormat", { style: "percent" }).format(part);
export const moment = (time) => format("DateTimeFormat", { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));

// Facts about one thing, one after the other. facts: functions that return a text.
export const writeFacts = (element, facts) =>
  element.replaceChildren(...facts.flatMap((fact, nth) => [...(nth ? [" · "] : []), write(make("span"), fact)]));

// --- files ----------------------------------------------------------------------------------------------------------

export function save(file, name) {
  const link = make("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
