"""S3's sequencers, which order the versions of one key: hexadecimal, the shorter one padded with zeros on its right.

Source: Amazon S3 event message structure.
"""

_WIDTH = 64


def rank(sequencer: str) -> str:
    """Return text that sorts as the sequencer does; an unknown one, which is empty, sorts first."""
    return sequencer.upper().ljust(_WIDTH, "0") if sequencer else ""


def after(sequencer: str) -> str:
    """Return the first sequencer after this one, for a version without an S3 event; unknown after an unknown one."""
    return f"{sequencer}1" if sequencer else ""
