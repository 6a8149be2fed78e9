"""`vendors`: what each vendor accepts, and whether its credentials work."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil

from asrcore.core.vendor import Completion, Vendor
from asrcore.messages import Message
from asrctl.credential_check import CredentialCheck, broken, check_credentials, describe, shape_fields
from asrctl.formatting import format_duration, format_size
from asrctl.result import CommandResult, Line, Text, TextTable
from asrctl.shapes import CredentialStatus, VendorShape, VendorsShape
from asrctl.stack import DeployedStack

_HEADER = (
    Message("cli.column.vendor"),
    Message("cli.vendors.credentials"),
    Message("cli.vendors.results_by"),
    Message("cli.vendors.length"),
    Message("cli.vendors.size"),
    Message("cli.vendors.sample_rates"),
    Message("cli.vendors.channels"),
)
_STATES = {
    CredentialStatus.WORKING: Message("cli.vendors.status.working"),
    CredentialStatus.REJECTED: Message("cli.vendors.status.rejected"),
    CredentialStatus.UNKNOWN: Message("cli.vendors.status.unknown"),
    CredentialStatus.UNTESTED: Message("cli.vendors.status.untested"),
    CredentialStatus.MISSING: Message("cli.vendors.status.missing"),
    CredentialStatus.OFF: Message("cli.vendors.status.off"),
}
_MODES = {
    Completion.SYNC: Message("cli.vendors.by.sync"),
    Completion.CALLBACK: Message("cli.vendors.by.callback"),
    Completion.QUERY: Message("cli.vendors.by.query"),
}


def vendors(stack: DeployedStack, vendor: str | None, *, test: bool) -> CommandResult[VendorsShape]:
    """Show each vendor, or one, with its limits on this stack and the state of its credentials.

    Args:
        vendor: its name; None for all.
        test: whether complete credentials are checked by a submission of the sample.

    Returns:
        Not `ok` when automatic choice may take a vendor whose credentials do not work.
    """
    shown = [each for each in stack.services.vendors.values() if vendor in (None, each.name)]
    checks = check_credentials(stack, stack.read_secret(stack.secret_arn), shown, test=test)
    pairs = list(zip(shown, checks, strict=True))
    chain = stack.services.settings.vendor_chain
    data = VendorsShape(vendors=[_shape(each, check, chain) for each, check in pairs])
    return CommandResult(data, list(_lines(pairs)), ok=not broken(checks, chain))


def _shape(vendor: Vendor, check: CredentialCheck, chain: Sequence[str]) -> VendorShape:
    limits = vendor.limits
    return VendorShape(
        **shape_fields(check),
        generation=vendor.generation,
        account=vendor.secret_name,
        in_chain=vendor.name in chain,
        results_by=sorted(vendor.completion_modes),
        formats=sorted(limits.formats),
        languages=sorted(limits.languages),
        sample_rates_hz=sorted(limits.sample_rates_hz),
        channels=sorted(limits.channels),
        max_duration_s=limits.max_duration_ms / 1000,
        max_size_bytes=limits.max_size_bytes,
    )


def _lines(pairs: Sequence[tuple[Vendor, CredentialCheck]]) -> Iterator[Line]:
    yield TextTable(_HEADER, [_row(*pair) for pair in pairs])
    for vendor, _ in pairs:
        yield ""
        yield Message(
            "cli.vendors.accepts",
            {
                "vendor": vendor.name,
                "formats": " ".join(sorted(vendor.limits.formats)),
                "languages": " ".join(sorted(vendor.limits.languages)),
            },
        )
    if explained := [describe(check) for _, check in pairs if check.reason]:
        yield ""
        yield from explained


def _row(vendor: Vendor, check: CredentialCheck) -> list[Text]:
    limits = vendor.limits
    rates = [f"{rate / 1000:g} kHz" for rate in sorted(limits.sample_rates_hz)]
    return [
        vendor.name,
        _STATES[check.status],
        Message(
            "cli.vendors.list",
            {"items": [_MODES[each] for each in sorted(vendor.completion_modes)]},
        ),
        format_duration(timedelta(seconds=ceil(limits.max_duration_ms / 1000))),
        format_size(limits.max_size_bytes) if limits.max_size_bytes else "–",
        Message("cli.vendors.list", {"items": rates}) if rates else Message("cli.vendors.any"),
        Message("cli.vendors.list", {"items": [str(each) for each in sorted(limits.channels)]}),
    ]
