"""`setup`: check vendors' credentials and store them, with the keys that sign, in the stack's secrets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asrcore.messages import Message, Param
from asrctl import signing_keys
from asrctl.accounts import ACCOUNTS, Account
from asrctl.credential_check import ACCEPTED, CredentialCheck, check_credentials, describe, shape_fields
from asrctl.credential_sources import CredentialSource
from asrctl.formatting import program_name
from asrctl.result import CommandResult, Line
from asrctl.shapes import AccountSetup, CredentialShape, CredentialStatus, SetupShape
from asrctl.stack import DeployedStack


@dataclass(frozen=True)
class _SetUp:
    """One account after its set-up: whether it was stored, and the check of each vendor that uses it.

    rejected_fields: those of a stored account that were left as they were, because no vendor accepts them.
    """

    account: Account
    is_stored: bool
    checks: Sequence[CredentialCheck]
    rejected_fields: Sequence[str]

    @property
    def is_whole(self) -> bool:
        return self.is_stored and not self.rejected_fields

    @property
    def lines(self) -> list[Message]:
        about: dict[str, Param] = {"account": self.account.name, "fields": [*self.rejected_fields]}
        stored = "cli.setup.stored" if self.is_whole else "cli.setup.stored_in_part"
        return [Message(stored if self.is_stored else "cli.setup.not_stored", about), *map(describe, self.checks)]

    @property
    def shape(self) -> AccountSetup:
        return AccountSetup(
            account=self.account.name,
            stored=self.is_stored,
            rejected_fields=[*self.rejected_fields],
            vendors=[CredentialShape(**shape_fields(check)) for check in self.checks],
        )


def setup(stack: DeployedStack, source: CredentialSource, *, test: bool) -> CommandResult[SetupShape]:
    """Store signing keys where there are none, and the credentials of each account that a vendor accepts.

    An account is stored when at least one of its vendors accepts it: few customers have a licence for all of them. A
    field that only rejected vendors use stays as it was.

    Args:
        source: of the accounts and their fields.
        test: False stores complete credentials without a submission, for vendors that only the functions can reach.

    Returns:
        Not `ok` when an account was not stored, or without some of its fields.

    Raises:
        OperatorError: a secret, a file or an answer cannot be read. Accounts that were set up before stay stored.
    """
    held = stack.read_secret(stack.secret_arn)
    moved, generated = _store_signing_keys(stack, held)
    off = stack.services.settings.off
    offered = [account for account in ACCOUNTS.values() if {vendor.name for vendor in account.vendors} - off]
    done = [_set_up(stack, account, source, test=test) for account in source.accounts(held, offered)]
    lines: list[Line] = [*(line for each in done for line in each.lines), *_key_lines(moved, generated)]
    data = SetupShape(accounts=[each.shape for each in done], moved_keys=moved, generated_keys=generated)
    return CommandResult(data, [*lines, *_next_steps(done, stack)], ok=all(each.is_whole for each in done))


def rotate_key(stack: DeployedStack, kind: str) -> CommandResult[SetupShape]:
    """Generate a new signing key. The key before it still verifies; earlier ones are removed.

    Args:
        kind: of the key, one of GENERATORS.

    Raises:
        OperatorError: a secret cannot be read.
    """
    moved, generated = _store_signing_keys(stack, stack.read_secret(stack.secret_arn), rotated=kind)
    data = SetupShape(accounts=[], moved_keys=moved, generated_keys=generated)
    return CommandResult(data, [*_key_lines(moved, generated), Message("cli.setup.rotated")])


def _key_lines(moved: Sequence[str], generated: Sequence[str]) -> Iterator[Message]:
    if moved:
        yield Message("cli.setup.keys_moved", {"keys": [*moved]})
    if generated:
        yield Message("cli.setup.keys_generated", {"keys": [*generated]})


def _store_signing_keys(
    stack: DeployedStack, held: Mapping[str, Any], *, rotated: str | None = None
) -> tuple[list[str], list[str]]:
    """Complete the signing secret, then remove the keys of an older installation from the vendors' secret.

    rotated: the kind of a key to generate, also where there is one. It is one write: a read right after a write may
    return what was stored before.

    Returns the kinds of keys that were moved, and those that were generated.
    """
    signing = stack.read_secret(stack.signing_secret_arn)
    content, moved, generated = signing_keys.completed(signing, held)
    if rotated is not None and rotated not in generated:
        content, generated = signing_keys.rotated(content, rotated), [*generated, rotated]
    if content != signing:
        stack.write_secret(stack.signing_secret_arn, content)
    kept = {name: fields for name, fields in held.items() if name not in signing_keys.GENERATORS}
    if kept != held:
        stack.write_secret(stack.secret_arn, kept)
    return moved, generated


def _set_up(stack: DeployedStack, account: Account, source: CredentialSource, *, test: bool) -> _SetUp:
    """Check an account's new fields and store them, again for as long as the operator corrects them."""
    stored = stack.read_secret(stack.secret_arn).get(account.name)
    former: dict[str, str] = dict(stored) if isinstance(stored, Mapping) else {}
    fields = former
    while True:
        fields = source.fields(account, fields)
        checks = check_credentials(stack, {account.name: fields}, account.vendors, test=test)
        is_accepted = any(check.status in ACCEPTED for check in checks)
        rejected = _rejected_fields(account, fields, checks) if is_accepted else []
        if is_accepted:  # read again, as another operator may have changed another account meanwhile
            accepted = {name: value for name, value in fields.items() if name not in rejected}
            kept = {name: former[name] for name in rejected if name in former}
            held = stack.read_secret(stack.secret_arn)
            stack.write_secret(stack.secret_arn, {**held, account.name: accepted | kept})
        result = _SetUp(account, is_accepted, checks, rejected)
        if result.is_whole or not source.wants_retry(result.lines):
            return result


def _rejected_fields(account: Account, fields: Mapping[str, str], checks: Sequence[CredentialCheck]) -> list[str]:
    """Return the fields that only vendors use which reject them, in the account's order."""
    status = {check.vendor: check.status for check in checks}
    unused = (CredentialStatus.REJECTED, CredentialStatus.MISSING)
    used = {name for each in account.vendors if status[each.name] not in unused for name in each.secret_fields}
    if not all(map(fields.get, used)):  # a vendor accepts other fields in place of these
        return []
    rejected = [each for each in account.vendors if status[each.name] is CredentialStatus.REJECTED]
    at_fault = {name for each in rejected for name in each.secret_fields if fields.get(name)} - used
    return [field.name for field in account.fields if field.name in at_fault]


def _next_steps(done: Sequence[_SetUp], stack: DeployedStack) -> Iterator[Message]:
    """Yield what to do next."""
    about: dict[str, Param] = {"program": program_name(), "options": stack.options}
    if not done:
        yield Message("cli.setup.next_unchanged", about)
    if any(each.is_stored for each in done):
        yield Message("cli.setup.next", about)
    if not all(each.is_whole for each in done):
        yield Message("cli.setup.next_again", about)
