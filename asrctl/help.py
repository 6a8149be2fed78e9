"""Commands, options and arguments of click whose help is a message, rendered in the reader's language when it is shown.

click's own texts go through gettext; `locale/` has them in Chinese.
"""

import gettext
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asrcore.messages import LOCALES, Message
from asrctl.language import reader_language, translated

CATALOGUES, DOMAIN = Path(__file__).parent / "locale", "click"


class _LocalizedHelp:
    """Has a message as its help, in place of a text."""

    def __init__(self, *arguments: Any, message: Message, **attributes: Any) -> None:
        self.message = message
        super().__init__(*arguments, **attributes)

    @property
    def help(self) -> str | None:
        """The help, in the reader's language."""
        return translated(self.message)

    @help.setter
    def help(self, _text: str | None) -> None:
        """Keep the message: click sets the text of its own parameter, which is not used."""


class LocalizedCommand(_LocalizedHelp, click.Command):
    """A command with a message as its help."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return `--help`. click keeps it, with its help in the language of the first use."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = translated(Message("cli.help.help"))
        return found


class LocalizedOption(_LocalizedHelp, click.Option):
    """An option with a message as its help."""


class LocalizedArgument(_LocalizedHelp, click.Argument):
    """An argument with a message as its help."""


def option(*names: str, message: Message, **attributes: Any) -> Callable[..., Any]:
    """Return the decorator that adds an option."""
    return click.option(*names, cls=LocalizedOption, message=message, **attributes)


def argument(name: str, *, message: Message, **attributes: Any) -> Callable[..., Any]:
    """Return the decorator that adds an argument."""
    return click.argument(name, cls=LocalizedArgument, message=message, **attributes)


def localize_click() -> None:
    """Have click write its own texts in the reader's language, by the variable that gettext reads first."""
    os.environ["LANGUAGE"] = LOCALES[reader_language()]
    gettext.bindtextdomain(DOMAIN, CATALOGUES)
    gettext.textdomain(DOMAIN)
