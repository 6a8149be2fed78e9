"""S3's sequencers, which order the versions of one key: hexadecimal, the shorter one padded with zeros on its right.

Source: Amazon S3 event message structure.
"""

_WIDTH = 64


def rank(sequencer: str) -> str:
    """A text that sorts as the sequencer does; an unknown one, which is empty, is before all others."""
    return sequencer.upper().ljust(_WIDTH, "0") if sequencer else ""


def after(sequencer: str) -> str:
    """The first sequencer after this one, for a version of which S3 sent no event; unknown after an unknown one."""
    return f"{sequencer}1" if sequencer else ""
