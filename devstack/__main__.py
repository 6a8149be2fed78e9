"""The local stack from the command line: `python -m devstack local` runs it, `... demo` transcribes samples.

Exit status: 0 done, 1 a recording failed or the stack cannot start, 2 wrong arguments.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from asrctl.language import localized
from devstack.settings import VENDOR_PARAMETERS
from devstack.stopping import StopSignal
from devstack.web import PortTakenError, check_ports


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "local":
        try:  # before the seconds that loading an AWS takes
            check_ports(options.bind, (options.port, options.api_port))
        except PortTakenError as error:
            print(localized("cli.local.port_taken", problem=str(error.strerror)), file=sys.stderr)
            return 1
    _clear_aws_environment()
    stop = StopSignal()
    from devstack import commands  # noqa: PLC0415 - moto reads the shell's AWS settings as it is imported

    return commands.run(options, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=localized("cli.local.help"))
    commands = parser.add_subparsers(required=True, dest="command", metavar="local | demo")

    local = commands.add_parser("local", help=localized("cli.local.help.local"))
    local.add_argument(
        "--params",
        default={},
        type=_parameters,
        metavar="'Name=value …'",
        help=localized("cli.local.help.params"),
    )
    local.add_argument("--port", type=int, default=0, help=localized("cli.local.help.port"))
    local.add_argument("--api-port", type=int, default=0, help=localized("cli.local.help.api_port"))
    local.add_argument("--bind", default="127.0.0.1", metavar="ADDR", help=localized("cli.local.help.bind"))
    local.add_argument("--credential", default="", metavar="KEY", help=localized("cli.local.help.credential"))
    local.add_argument("--region", default="us-east-1", help=localized("cli.local.help.region"))

    demo = commands.add_parser("demo", help=localized("cli.local.help.demo"))
    demo.add_argument("--audio", type=_recording, metavar="PATH", help=localized("cli.local.help.audio"))
    demo.add_argument("--vendor", choices=list(VENDOR_PARAMETERS), help=localized("cli.local.help.vendor"))
    return parser


def _parameters(given: str) -> dict[str, str]:
    """Read `Name=value` pairs; a value ends before the next name, so JSON needs no quotes around it."""
    found = {}
    for each in re.split(r"\s+(?=[A-Za-z]\w*=)", given.strip()):
        name, equals, value = each.partition("=")
        if not (name.isalnum() and equals):
            raise argparse.ArgumentTypeError(localized("cli.local.no_pair", text=repr(each)))
        found[name] = value
    return found


def _recording(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise argparse.ArgumentTypeError(localized("cli.local.no_file", file=repr(name)))
    return path


def _clear_aws_environment() -> None:
    """Remove the shell's profile, endpoint and proxy, which would lead away from the local stack."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["NO_PROXY"] = "*"


if __name__ == "__main__":
    sys.exit(main())
