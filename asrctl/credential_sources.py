"""Where `setup` gets credentials from: the operator's answers, a file, or the environment.

No credential is an argument of a command, so that neither the shell's history nor the list of processes has it.
"""

import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from asrcore.messages import Message
from asrctl.accounts import ACCOUNTS, Account, Field
from asrctl.prompts import Prompter
from asrctl.result import OperatorError, Text

STANDARD_INPUT = "-"
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_REMOVE = "-"
_BYTE_ORDER_MARK = "\ufeff"  # Windows' editors write it
_SEPARATORS = re.compile("[,，、]")


class CredentialSource(Protocol):
    """The accounts to set up, and their fields."""

    def accounts(self, held: Mapping[str, Any], offered: Sequence[Account]) -> Sequence[Account]:
        """Return the accounts to set up. held: the vendors' secret.  offered: those that this stack can use."""

    def fields(self, account: Account, stored: Mapping[str, str]) -> dict[str, str]:
        """Return an account's new fields. stored: those in the secret."""

    def wants_retry(self, explanation: Sequence[Text]) -> bool:
        """Return whether to get the fields of an account again, after an explanation of why it was not stored."""


class Answers:
    """The operator's answers. names: the accounts to ask for; all that the operator has, if empty."""

    def __init__(self, prompter: Prompter, names: Sequence[str]) -> None:
        self._prompter, self._names = prompter, names

    def accounts(self, held: Mapping[str, Any], offered: Sequence[Account]) -> Sequence[Account]:
        if self._names:
            return [ACCOUNTS[name] for name in self._names]
        self._prompter.say([_described(account, held) for account in offered])
        known = {account.name: account for account in offered}
        by_name = {vendor.name: account for account in offered for vendor in account.vendors} | known
        while True:
            names = _SEPARATORS.sub(" ", self._prompter.ask(Message("cli.setup.which"))).split()
            if not (unknown := [name for name in names if name not in by_name]):
                return list({by_name[name].name: by_name[name] for name in names}.values())
            self._prompter.say([Message("cli.setup.unknown_account", {"name": unknown[0], "known": [*known]})])

    def fields(self, account: Account, stored: Mapping[str, str]) -> dict[str, str]:
        heading: list[Text] = [account.title, *([account.page] if account.page else []), account.activation]
        self._prompter.say([*heading, Message("cli.setup.how_to_answer", {"remove": _REMOVE})])
        found = dict(stored)
        for field in account.fields:
            answer = self._ask(field, is_stored=bool(stored.get(field.name)))
            if answer == _REMOVE:
                found.pop(field.name, None)
            elif answer:
                found[field.name] = answer
        self._prompter.say([Message("cli.setup.testing")])
        return found

    def wants_retry(self, explanation: Sequence[Text]) -> bool:
        self._prompter.say(explanation)
        return self._prompter.ask(Message("cli.setup.again")).lower() in {"y", "yes"}

    def _ask(self, field: Field, *, is_stored: bool) -> str:
        question = Message("cli.setup.field_stored" if is_stored else "cli.setup.field", {"field": field.name})
        self._prompter.say([*([field.page] if field.page else []), field.place])
        while True:
            answer = self._prompter.ask(question, hidden=field.is_secret)
            if _is_possible(answer):
                return answer
            self._prompter.say([_impossible(field.name)])


class GivenFields:
    """Fields that a file or the environment has, by account. They replace those of these accounts in the secret.

    A field that `setup` does not know stays.
    """

    def __init__(self, given: Mapping[str, dict[str, str]]) -> None:
        self._given = given

    def accounts(self, held: Mapping[str, Any], offered: Sequence[Account]) -> Sequence[Account]:
        return [ACCOUNTS[name] for name in self._given]

    def fields(self, account: Account, stored: Mapping[str, str]) -> dict[str, str]:
        known = {field.name for field in account.fields}
        return {name: value for name, value in stored.items() if name not in known} | self._given[account.name]

    def wants_retry(self, explanation: Sequence[Text]) -> bool:
        return False


def read_file(path: str) -> GivenFields:
    """Read accounts from a JSON file that its owner alone can read, or from standard input, by the name `-`.

    Raises OperatorError for a file that others can read, that is missing, or whose content is no object of accounts.
    """
    try:
        if path == STANDARD_INPUT:
            return GivenFields(_checked(sys.stdin.read(), path))
        with Path(path).open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & _OF_OTHERS:
                raise OperatorError(
                    Message("cli.setup.file_mode", {"file": path, "command": f"chmod 600 {shlex.quote(path)}"})
                )
            return GivenFields(_checked(file.read(), path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror or "" if isinstance(error, OSError) else error.reason
        raise OperatorError(Message("cli.setup.file_unreadable", {"file": path, "reason": reason})) from None


def read_environment(environment: Mapping[str, str] = os.environ) -> GivenFields:
    """Read accounts from variables such as ASRCTL_TENCENT_SECRET_ID. Raises OperatorError without any."""
    given: dict[str, dict[str, str]] = {}
    for account in ACCOUNTS.values():
        for field in account.fields:
            if value := environment.get(variable(account, field), "").strip():
                given.setdefault(account.name, {})[field.name] = value
    if not given:
        raise OperatorError(Message("cli.setup.no_variables", {"example": "ASRCTL_TENCENT_SECRET_ID"}))
    _refuse_impossible(given)
    return GivenFields(given)


def variable(account: Account, field: Field) -> str:
    """Return the variable of a field."""
    return f"ASRCTL_{account.name}_{field.name}".upper()


def _described(account: Account, held: Mapping[str, Any]) -> Message:
    code = "cli.setup.account_stored" if held.get(account.name) else "cli.setup.account_missing"
    vendors = [vendor.name for vendor in account.vendors]
    return Message(code, {"account": account.name, "title": account.title, "vendors": vendors})


def _checked(text: str, name: str) -> dict[str, dict[str, str]]:
    """Return the accounts in a JSON text. No error repeats a part of the text, which is secret."""
    try:
        given = json.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except ValueError:
        raise OperatorError(Message("cli.setup.file_form", {"file": name})) from None
    if not isinstance(given, dict) or not all(isinstance(fields, dict) for fields in given.values()):
        raise OperatorError(Message("cli.setup.file_form", {"file": name}))
    for account, fields in given.items():
        known = [field.name for field in ACCOUNTS[account].fields] if account in ACCOUNTS else []
        if not known:
            raise OperatorError(Message("cli.setup.unknown_account", {"name": account, "known": [*ACCOUNTS]}))
        for field in fields:
            if field not in known:
                raise OperatorError(Message("cli.setup.unknown_field", {"name": f"{account}.{field}", "known": known}))
    _refuse_impossible(given)
    return given


def _refuse_impossible(given: Mapping[str, Mapping[str, Any]]) -> None:
    for account, fields in given.items():
        for field, value in fields.items():
            if not (isinstance(value, str) and _is_possible(value)):
                raise OperatorError(_impossible(f"{account}.{field}"))


def _is_possible(value: str) -> bool:
    """Return whether a value can be a credential. One that is copied with a space or a line end is not."""
    return value.isascii() and value.isprintable() and " " not in value


def _impossible(name: str) -> Message:
    return Message("cli.setup.impossible_value", {"name": name})
