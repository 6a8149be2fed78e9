"""Run the recognizer in the foreground: `python -m recognizer`."""

import argparse
import functools
import logging
import os
import signal
import socket
import sys
import threading

from devstack.json_log import JsonFormatter
from devstack.web import PortTakenError, WebServer
from recognizer import engine
from recognizer.queue import Queue
from recognizer.server import make_app
from recognizer.weights import NoModelError, find_model

LOG = logging.getLogger("recognizer")
NICENESS = 5  # other processes of this machine have priority


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM.

    Print `READY URL` as soon as it listens; until the model is loaded it answers 503. Without a model, print
    `MISSING reason` and return 2.
    """
    options = _parser().parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    os.nice(NICENESS)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    if options.until_eof:
        threading.Thread(target=_wait_for_eof, args=(done,), daemon=True).start()
    try:
        model = find_model()
        queue = Queue()
        bound = None if options.socket is None else socket.socket(fileno=options.socket)
        with WebServer(make_app(queue), options.bind, options.port, bound=bound) as server:
            print(f"READY {server.url}", flush=True)
            queue.open(functools.partial(engine.recognize, engine.load(model)))
            LOG.info("model loaded", extra={"model": model})
            while not done.wait(1):  # a wait without timeout was not always interrupted by a signal
                pass
    except NoModelError as error:
        print(f"MISSING {error}", flush=True)
        return 2
    except PortTakenError as error:
        print(error.strerror, file=sys.stderr)
        return 2
    return 0


def _wait_for_eof(done: threading.Event) -> None:
    """Set `done` when standard input closes, that is, when the process that started this one has ended."""
    sys.stdin.read()
    done.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recognizer", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDR", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--socket", type=int, metavar="FD", help="listen on this socket instead, which is open and bound"
    )
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input closes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
