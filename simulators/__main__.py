"""Run every vendor simulator in the foreground: `python -m simulators`."""

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from devstack.json_log import JsonFormatter
from devstack.web import PortTakenError
from recognizer.process import RecognizerProcess
from simulators import VENDORS, Simulators
from simulators.server import LOOPBACK

SAMPLE_CREDENTIALS = Path(__file__).resolve().parents[1] / "devstack" / "credentials.json"


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; print one line, `READY {vendor: base URL}`, as soon as all listen."""
    options = _parser().parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])

    try:
        credentials = json.loads(options.credentials.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"cannot read the credentials in {options.credentials}: {error}", file=sys.stderr)
        return 2
    ports = {vendor: getattr(options, vendor) for vendor in VENDORS}

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        with (
            RecognizerProcess(_explain) as recognizer,
            Simulators(
                credentials,
                turnaround_s=options.turnaround,
                ports=ports,
                bind=options.bind,
                recognizer=recognizer.client(),
            ) as simulators,
        ):
            print(f"READY {json.dumps(simulators.urls)}", flush=True)
            done.wait()
    except PortTakenError as error:
        print(f"{error.strerror}; choose another port with --port-VENDOR, or none for any free one", file=sys.stderr)
        return 2
    return 0


def _explain(problem: str) -> None:
    logging.warning("unknown recordings get placeholders: %s", problem)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument("--credentials", type=Path, default=SAMPLE_CREDENTIALS, help="JSON file, an object per account")
    parser.add_argument("--turnaround", type=float, default=1.0, metavar="S", help="seconds from submission to result")
    parser.add_argument("--bind", default=LOOPBACK, metavar="ADDR", help="address to listen on (default: %(default)s)")
    for vendor in VENDORS:
        parser.add_argument(
            f"--port-{vendor}", type=int, default=0, dest=vendor, metavar="N", help=f"port of {vendor} (any free one)"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
