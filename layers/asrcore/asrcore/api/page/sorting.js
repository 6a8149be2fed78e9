// The orders of the list.

import { language, vendorName } from "../../render/common/common.js";

// By column: what is compared, and whether the first click sorts the largest first.
export const SORTS = {
  name: { of: ({ name }) => name },
  length: { of: ({ length_s }) => length_s ?? -1, isDown: true },
  created: { of: ({ created }) => created, isDown: true },
  vendor: { of: ({ vendor }) => (vendor ? vendorName(vendor) : "") },
  cost: { of: ({ cost }) => cost.total?.usd ?? -1, isDown: true },
};
const NEWEST = "-created";

// Return the order that an address names: a column, with `-` for the largest first.
export function sortOf(address) {
  const sort = address.get("sort") ?? NEWEST;
  return sort.replace(/^-/, "") in SORTS ? sort : NEWEST;
}

// Return jobs in an order; those that are equal in it, the newest first.
export function sorted(jobs, sort) {
  const { of } = SORTS[sort.replace(/^-/, "")], sign = sort.startsWith("-") ? -1 : 1;
  const collator = new Intl.Collator(language(), { numeric: true });
  const compare = (one, other) => (typeof one === "string" ? collator.compare(one, other) : one - other);
  return [...jobs].sort((one, other) => sign * compare(of(one), of(other)) || other.created - one.created);
}
