"""The operator's commands, `python -m asrctl`: set up a stack, transcribe, see what happens and why, and repair it."""

import sys
from pathlib import Path

# The layer lies beside this package, as it does in a function; an installed one is found first.
sys.path.append(str(Path(__file__).resolve().parent.parent / "layers" / "asrcore"))
