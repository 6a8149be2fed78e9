// Reads definitions from stdin, as a JSON object by name, and writes what asl-validator finds in each.
import { readFileSync } from "node:fs";
import validate from "asl-validator";

const definitions = JSON.parse(readFileSync(0, "utf8"));
const found = Object.fromEntries(
  Object.entries(definitions).map(([name, definition]) => [name, validate(definition).errors]),
);
console.log(JSON.stringify(found));
