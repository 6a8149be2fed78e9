"""The operator's commands, `python -m asrctl`: what is going on, why, and what to do about it, on AWS and locally."""

import sys
from pathlib import Path

# The layer lies beside this package, as it does in a function; an installed one is found first.
sys.path.append(str(Path(__file__).resolve().parent.parent / "layers" / "asrcore"))
