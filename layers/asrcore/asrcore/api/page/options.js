// The options of the next uploads, in the popover beside the button. The browser remembers them.

import { find, keep, language, languageName, option, recall, say, stored, vendorName } from "../../render/common/common.js";

const KEPT = "asrcore.upload-options";
const VENDORS = stored("vendors"); // the languages of each
export const vendors = Object.keys(VENDORS);
const [vendor, speakers, spoken] = ["with-vendor", "with-speakers", "with-language"].map(find);

vendor.append(option("auto", () => say("jobs.automatic")), ...vendors.map((each) => option(each, () => vendorName(each))));
speakers.append(option("", () => say("jobs.speakers_off")), option(0, () => say("jobs.speakers_auto")));
for (let number = 2; number <= 10; number++) speakers.append(option(number, () => say("jobs.speakers_number", { number })));

// The languages of the chosen vendor, in the order of their names.
function offerLanguages(chosen = spoken.value) {
  const tags = new Set(VENDORS[vendor.value] ?? Object.values(VENDORS).flat());
  const byName = (one, other) => languageName(one).localeCompare(languageName(other), language());
  const made = [...tags].sort(byName).map((tag) => option(tag, () => languageName(tag)));
  spoken.replaceChildren(option("", () => say("jobs.language_default")), ...made);
  spoken.value = tags.has(chosen) ? chosen : "";
}

const kept = recall(KEPT) ?? {}; // another version of the page may have kept anything
const offered = (select, value) => ([...select.options].some((each) => each.value === value) ? value : select.options[0].value);
vendor.value = offered(vendor, kept.vendor);
speakers.value = offered(speakers, kept.speakers);
offerLanguages(kept.language);

vendor.addEventListener("change", () => offerLanguages());
find("options").addEventListener("change", () =>
  keep(KEPT, { vendor: vendor.value, speakers: speakers.value, language: spoken.value }));
document.addEventListener("translated", () => offerLanguages());

// Return what POST /uploads takes besides the file.
export const uploadOptions = () => ({
  vendor: vendor.value,
  options: {
    ...(speakers.value && { speakers: Number(speakers.value) }),
    ...(spoken.value && { language: spoken.value }),
  },
});
