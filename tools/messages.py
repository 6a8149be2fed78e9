"""The message catalogues: `python -m tools.messages` puts each `.po` in order and compiles it to the `.mo` beside it.

The order is that of the codes, so that two changes of a catalogue meet only where they are of the same message.
Browsers read no `.mo`: the texts of the pages are written as JSON, too, from which a page carries its part.
"""

import json
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from asrcore.messages import CATALOGUES, LOCALES, Language
from asrcore.render.pages import TEXTS

OF_CLICK = Path(__file__).parents[1] / "asrctl/locale"  # the texts of the package click, in Chinese


def path(domain: str, language: Language) -> Path:
    """Return the path of a catalogue's source."""
    return CATALOGUES / LOCALES[language] / "LC_MESSAGES" / f"{domain}.po"


def read(source: Path) -> Catalog:
    """Read a catalogue's source. Raises babel's PoFileError for a line that is not valid."""
    with source.open("rb") as file:
        return read_po(file, locale=source.parents[1].name, domain=source.stem, abort_invalid=True)


def in_order(catalogue: Catalog) -> bytes:
    """Return a catalogue's source in its published order."""
    written = BytesIO()
    write_po(written, catalogue, width=120, sort_output=True, omit_header=False, include_previous=False)
    return written.getvalue().lstrip()


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as gettext reads it."""
    written = BytesIO()
    write_mo(written, catalogue)
    return written.getvalue()


def for_browsers() -> str:
    """Return the texts of the pages, by language and code, as JSON."""
    texts = {
        language: {message.id: message.string for message in read(path("pages", language)) if message.id}
        for language in LOCALES
    }
    return json.dumps(texts, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Write every catalogue."""
    for source in (*CATALOGUES.rglob("*.po"), *OF_CLICK.rglob("*.po")):
        catalogue = read(source)
        source.write_bytes(in_order(catalogue))
        source.with_suffix(".mo").write_bytes(compiled(catalogue))
    TEXTS.write_text(for_browsers(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
