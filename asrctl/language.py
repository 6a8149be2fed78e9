"""The reader's language, and texts in it."""

import os

from asrcore.messages import Language, Message, Param, negotiate, render


def reader_language() -> Language:
    """Return the language of the first of LC_ALL, LC_MESSAGES and LANG that is set (POSIX, 8.2)."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return negotiate(locale.partition(".")[0].replace("_", "-"))


def localized(code: str, **params: Param) -> str:
    """Return a message's text in the reader's language."""
    return translated(Message(code, params))


def translated(message: Message | str) -> str:
    """Return a message's text in the reader's language. Text of another program stays as it is."""
    return render(message, reader_language()) if isinstance(message, Message) else message
