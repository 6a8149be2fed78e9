"""Markdown as the generated parts of the documentation have it."""

from collections.abc import Iterable


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table with a line for each row."""
    header = tuple(header)
    lines = [header, tuple("---" for _ in header), *rows]
    # A bar within a cell would end it.
    cells = (tuple(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)
