"""Runs the tests under CPU load and in random order, and counts which fail; run by `make flaky`.

Each run's result is a line of out/flaky/runs.jsonl and its output a file beside it, so that several sittings add up.
Exit status: 0 when every run of this sitting was green, 1 otherwise.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET  # nosec B405 - it reads what pytest wrote

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "out/flaky"
BUSY_PER_CORE = 3
LIMIT_S = 5400  # of one run; `make test` takes minutes on an idle machine, under this load six times as long
STOP_S = 10
SEEDS = 2**32
# A busy process ends by itself when its parent, whose id it is given, is gone, however that ended.
BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(100_000))\n"


@dataclass(frozen=True)
class Run:
    """One run of the tests. failed: node ids; a run that ended without results has none, and an exit status."""

    started_at: str
    seed: int
    commit: str
    seconds: int
    tests: int
    failed: list[str]
    exit_status: int

    @property
    def is_green(self) -> bool:
        return self.exit_status == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests as often as asked, record each run, and print all runs' summary."""
    parser = argparse.ArgumentParser(prog="python -m tools.flaky", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="how many runs (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first run's order; the next run takes the next number")
    parser.add_argument("--busy", type=int, default=BUSY_PER_CORE * (os.cpu_count() or 1), help="busy processes beside")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where results are kept")
    parser.add_argument("pytest", nargs="*", help="pytest's own arguments, after --")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    first = secrets.randbelow(SEEDS) if asked.seed is None else asked.seed
    statuses = []
    for seed in range(first, first + asked.runs):
        with load(asked.busy):
            run = perform(seed % SEEDS, asked.pytest, asked.folder)
        with (asked.folder / "runs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(run)) + "\n")
        print(f"seed {run.seed}: {run.tests} tests, {len(run.failed)} failed, {run.seconds} s", flush=True)
        statuses.append(run.is_green)
    print("\n".join(summary(recorded(asked.folder))))
    return int(not all(statuses))


@contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep so many processes busy meanwhile."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY, str(os.getpid())]) for _ in range(processes)]  # noqa: S603 - above
    try:
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait(STOP_S)


def perform(seed: int, arguments: Sequence[str], folder: Path) -> Run:
    """Run pytest once, in the order of this seed. Its output goes to a file named after its start and the seed."""
    started = datetime.now(UTC)
    name = f"{started:%Y%m%dT%H%M%S.%f}-{seed}"
    results, output = folder / f"{name}.xml", folder / f"{name}.log"
    order = ["-p", "randomly", f"--randomly-seed={seed}", "--randomly-dont-reset-seed"]
    kept = ["-o", "junit_family=xunit1", f"--junitxml={results}"]
    before_s = time.monotonic()
    with output.open("x", encoding="utf-8") as file:
        command = [sys.executable, "-m", "pytest", *order, *kept, *arguments]
        try:
            status = subprocess.run(  # noqa: S603 - pytest's options are the caller's
                command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
            file.write(f"\nstopped: the run did not end within {LIMIT_S} s\n")
    tests, failed = read_results(results)
    results.unlink(missing_ok=True)
    seconds = round(time.monotonic() - before_s)
    return Run(started.isoformat(timespec="seconds"), seed, _commit(), seconds, tests, failed, status)


def read_results(path: Path) -> tuple[int, list[str]]:
    """Return the number of tests in a JUnit file, and the node ids of those that failed; 0 and none without a file."""
    if not path.exists():
        return 0, []
    cases = list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314 - pytest wrote it  # nosec B314
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return len(cases), sorted({_node_id(case) for case in failed})


def _node_id(case: ET.Element) -> str:
    file = case.get("file", "")
    module = file.removesuffix(".py").replace("/", ".")
    classes = case.get("classname", "").removeprefix(module).strip(".")
    return "::".join(part for part in (file, *classes.split("."), case.get("name", "")) if part)


def recorded(folder: Path) -> list[Run]:
    """Every run that is recorded in a folder, the oldest first."""
    with (folder / "runs.jsonl").open(encoding="utf-8") as lines:
        return [Run(**json.loads(line)) for line in lines]


def summary(runs: Iterable[Run]) -> Iterator[str]:
    """Yield how many runs in a row were green at the end, and each test that failed, how often and with which seeds."""
    green, seeds = 0, defaultdict(list)
    for run in runs:
        green = green + 1 if run.is_green else 0
        for test in run.failed or ([] if run.is_green else [f"(no results: exit status {run.exit_status})"]):
            seeds[test].append(run.seed)
    for test, found in sorted(seeds.items(), key=lambda each: -len(each[1])):
        repeated = ", ".join(str(seed) for seed in found)
        yield f"failed {len(found)} times: {test} (repeat: make flaky SEED={found[-1]}; seeds {repeated})"
    yield f"green runs in a row, up to the last: {green}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
