"""`python -m asrctl`: see `asrctl.cli`."""

import sys

from asrcore.log import LOG
from asrctl.cli import main

if __name__ == "__main__":
    LOG.handlers[0].setStream(sys.stderr)  # type: ignore[attr-defined]  # standard output is for results
    sys.exit(main())
