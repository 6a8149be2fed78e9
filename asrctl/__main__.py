"""`python -m asrctl` and the installed command `asrctl`: see `asrctl.cli`."""

import sys

from asrctl.cli import main
from asrctl.streams import ClosedPipeStream


def run() -> None:
    """Run one command and exit. Output that no program reads any more is dropped."""
    sys.stdout, sys.stderr = ClosedPipeStream(sys.stdout), ClosedPipeStream(sys.stderr)
    sys.exit(main())


if __name__ == "__main__":
    run()
