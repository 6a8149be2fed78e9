"""Questions to the operator, on standard error, so that standard output has the result alone."""

import getpass
import sys
from collections.abc import Iterable

from asrcore.messages import Message
from asrctl.formatting import printable
from asrctl.language import translated
from asrctl.output import console
from asrctl.result import OperatorError, Text


class Prompter:
    """Writes text as it is, addresses included, and reads answers from standard input."""

    def say(self, lines: Iterable[Text]) -> None:
        """Write lines, and an empty one before them."""
        target = console(sys.stderr)
        for line in ("", *map(translated, lines)):
            target.print(printable(line), soft_wrap=True)

    def ask(self, question: Message, *, hidden: bool = False) -> str:
        """Return the answer without spaces around it. hidden: a terminal does not show what is typed.

        Raises OperatorError at the end of the input.
        """
        text = translated(question)
        try:
            if hidden and sys.stdin.isatty():
                return getpass.getpass(text, sys.stderr).strip()
            console(sys.stderr).print(text, end="", soft_wrap=True)
            answer = sys.stdin.readline()
        except EOFError:
            answer = ""
        if not answer:
            raise OperatorError(Message("cli.prompt.no_answer"))
        return answer.strip()
