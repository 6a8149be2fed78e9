"""The reader's language, and texts in it."""

import os

from asrcore.messages import Language, Message, negotiate, render


def reader_language() -> Language:
    """Return the language of the first of LC_ALL, LC_MESSAGES and LANG that is set (POSIX, 8.2)."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return negotiate(locale.partition(".")[0].replace("_", "-"))


def translated(text: Message | str) -> str:
    """Return a text in the reader's language."""
    return render(text, reader_language()) if isinstance(text, Message) else text
