"""Run modules of the pages without a browser: in Node.js, with a document whose elements do nothing."""

import json
import subprocess
from pathlib import Path
from typing import Any

import playwright

import asrcore
from asrcore.render.pages import TEXTS

PAGE = Path(asrcore.__file__).parent / "api/page"
_NODE = Path(playwright.__file__).parent / "driver/node"  # Playwright's, so that the machine needs none
# An element has what a script sets, and methods that do nothing. Each id has one element.
_DOCUMENT = """
const elements = new Map();
const create = () => new Proxy({ dataset: {}, children: [], options: [{ value: "" }], value: "" }, {
  get: (own, name) => (name in own ? own[name] : () => undefined),
});
globalThis.document = {
  addEventListener() {}, dispatchEvent() {}, querySelectorAll: () => [], createElement: create, documentElement: {},
  getElementById(id) {
    if (!elements.has(id)) elements.set(id, create());
    return elements.get(id);
  },
};
const storage = (kept = new Map()) => ({
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
});
Object.assign(globalThis, { localStorage: storage(), sessionStorage: storage() });
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en"] } });
"""


def run_script(script: str) -> Any:
    """Run a script, and return the value to which it sets `result`.

    Args:
        script: the body of an ES module. `load(name)` returns a promise of a module of the jobs page.
    """
    texts = {
        language: {code.removeprefix("pages."): text for code, text in each.items()}
        for language, each in json.loads(TEXTS.read_text("utf-8")).items()
    }
    prepared = f"""{_DOCUMENT}
document.getElementById("texts").textContent = {json.dumps(json.dumps(texts))};
const load = (name) => import({json.dumps(PAGE.as_uri())} + `/${{name}}.js`);
let result;
{script}
process.stdout.write(JSON.stringify(result), () => process.exit()); // timers of the pages do not matter
"""
    done = subprocess.run(
        [_NODE, "--input-type=module", "--no-warnings", "-"],
        input=prepared,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
