"""The short recording that commands send through a stack or to a vendor."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Beside this module in an installed package, in `samples/` of a checkout.
SAMPLE = next(each for each in (_HERE / "greeting.wav", _HERE.parent / "samples/greeting.wav") if each.exists())
