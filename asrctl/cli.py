"""The command line of the operator's commands.

Exit status: 0 done, 1 something failed or was found wanting, 2 wrong arguments.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from asrcore.core.errors import ErrorClass
from asrcore.core.job import Status
from asrcore.vendors.registry import VENDORS
from asrctl import backfill, cost, inspect_jobs, queue
from asrctl.delete import delete
from asrctl.destroy import destroy
from asrctl.filters import Filter
from asrctl.formatting import parse_duration, printable, redact_urls
from asrctl.progress import ProgressReporter
from asrctl.reconcile import reconcile
from asrctl.redrive import redrive_all, redrive_one
from asrctl.result import CommandResult, OperatorError
from asrctl.smoke import smoke
from asrctl.stack import Stack, StackLocation

_JOB = "a job id, a key of the audio bucket, or s3://bucket/key"


class UsageError(Exception):
    """The arguments do not go together."""


Command = Callable[[argparse.Namespace, Stack, ProgressReporter, datetime], CommandResult]
Adding = Callable[[str, Command, str], argparse.ArgumentParser]  # name, what it does, what it says of itself


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; its exit status. Mistakes are told in a line, not a traceback."""
    parser = command_line()
    options = parser.parse_args(arguments)
    command: Command = options.command
    try:
        place = StackLocation.local() if options.local else _place(options)
        result = command(options, Stack(place), ProgressReporter(sys.stderr), datetime.now(UTC))
    except OperatorError as error:
        _write(sys.stderr, [f"asrctl: {error}"])
        return 1
    except (BotoCoreError, ClientError) as error:
        _write(sys.stderr, [f"asrctl: {error}", *_other_stack(options)])
        return 1
    except UsageError as error:
        parser.error(str(error))
    except ValidationError as error:
        _write(
            sys.stderr, [f"asrctl: {error.title} as deployed is not what this checkout knows: take the same version"]
        )
        return 1
    except KeyboardInterrupt:
        _write(sys.stderr, ["asrctl: stopped; what was done so far stays done, and the command can be repeated"])
        return 1
    if options.json:
        _write(sys.stdout, json.dumps(result.data, indent=2).split("\n"))
    else:
        _write(sys.stdout, result.lines)
    return 0 if result.ok else 1


def _other_stack(options: argparse.Namespace) -> list[str]:
    """Whoever has a stack on this machine may have meant that one."""
    if options.local or not StackLocation.is_local_there():
        return []
    return ["the stack that `make local` runs here was not asked: add --local for it"]


def command_line() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m asrctl",
        description="What the stack is doing, why, and what to do about it.",
        epilog=_exit_status(),
    )
    common = _common()
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, says: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=says, description=says, parents=[common])
        added.set_defaults(command=command)
        return added

    _add_questions(add)
    _add_work(add)
    filled = commands.add_parser("backfill", help="recordings without a job get one, millions of them")
    _add_backfill(filled.add_subparsers(required=True, metavar="start|status|report|stop|resume"), common)
    _add_deletions(add)
    return parser


def _add_questions(add: Adding) -> None:
    add("status", _status, "jobs by state and vendor, the oldest open one, the queue, what runs")

    listed = add("list", _list, "jobs, the oldest first")
    listed.add_argument("--state", type=Status, choices=list(Status), metavar="|".join(Status))
    _add_filters(listed)
    listed.add_argument("--older-than", type=_span, metavar="SPAN", help="taken longer ago than 90s, 15m, 2h, 3d")
    listed.add_argument("--limit", type=_positive, default=50, metavar="N", help="how many are shown (default: 50)")

    why = add("why", _why, "the story of one job in plain words, and what to do")
    why.add_argument("job", metavar="JOB", help=_JOB)

    spent = add("cost", _cost, "what ended jobs cost, by day and vendor")
    spent.add_argument("--days", type=_positive, default=7, metavar="N", help="today and the days before (default: 7)")

    estimated = add("estimate", _estimate, "what recordings would cost, with each vendor")
    estimated.add_argument("what", metavar="WHAT", help="90s, 15m, 2h; a file of this machine; or s3://bucket/prefix")
    estimated.add_argument("--vendor", choices=list(VENDORS), metavar="VENDOR", help="this one alone")
    estimated.add_argument(
        "--options", default="{}", metavar="JSON", help="what is asked, as in a sidecar; decides automatic choice"
    )


def _add_work(add: Adding) -> None:
    redrive = add("redrive", _redrive, "try a FAILED job again, or all that failed by one class")
    which = redrive.add_mutually_exclusive_group(required=True)
    which.add_argument("job", metavar="JOB", nargs="?", help=_JOB)
    which.add_argument("--all", action="store_true", help="all FAILED jobs of --class, of --vendor if given")
    _add_filters(redrive)
    _add_dry_run(redrive)

    reconciled = add("reconcile", _reconcile, "submit recordings without a job, find jobs without their transcript")
    reconciled.add_argument("--fix", action="store_true", help="bring back transcripts that were deleted")
    _add_dry_run(reconciled)

    queued = add("queue", _queue, "events that failed three times; `queue replay` sends them once more")
    queued.add_argument("action", nargs="?", choices=["show", "replay"], default="show")
    _add_dry_run(queued)

    smoked = add("smoke", _smoke, "a short sample goes the whole way, and is deleted again")
    smoked.add_argument("--vendor", choices=list(VENDORS), metavar="VENDOR", help="to this one (default: automatic)")
    smoked.add_argument("--within", type=_span, default="5m", metavar="SPAN", help="how long to wait (default: 5m)")
    smoked.add_argument("--keep", action="store_true", help="leave recording, transcript and row where they are")


def _add_deletions(add: Adding) -> None:
    deleted = add("delete", _delete, "delete a job: recording, transcript, exports, raw reply, row")
    deleted.add_argument("job", metavar="JOB", help=_JOB)
    deleted.add_argument("--yes", action="store_true", help="do not ask")
    _add_dry_run(deleted)

    destroyed = add("destroy", _destroy, "delete the stack and all that it keeps, recordings and transcripts included")
    destroyed.add_argument("--yes", action="store_true", help="do not ask")
    _add_dry_run(destroyed)


def _add_backfill(actions: Any, common: argparse.ArgumentParser) -> None:
    def add(name: str, command: Command, says: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(name, help=says, description=says, parents=[common])
        added.set_defaults(command=command)
        return added

    started = add("start", _backfill_start, "go through the audio bucket; what has a job is passed over")
    which = started.add_mutually_exclusive_group()
    which.add_argument("--prefix", metavar="incoming/…", help="keys that begin so (default: all under incoming/)")
    which.add_argument("--inventory", metavar="s3://…/manifest.json", help="the keys of an S3 inventory of the bucket")
    started.add_argument(
        "--concurrency",
        type=_concurrency,
        default=backfill.CONCURRENCY,
        metavar="N",
        help=f"batches at once (default: {backfill.CONCURRENCY}, at most {backfill.MOST_AT_ONCE})",
    )
    _add_dry_run(started)
    looked = add("status", _backfill_status, "how far one is, or the latest ones")
    looked.add_argument("run", metavar="RUN", nargs="?")
    add("report", _backfill_report, "what became of every object, when it is over").add_argument("run", metavar="RUN")
    add("stop", _backfill_stop, "take nothing more; jobs that were started go on").add_argument("run", metavar="RUN")
    resumed = add("resume", _backfill_resume, "go through the same again; what has a job is passed over")
    resumed.add_argument("run", metavar="RUN")
    _add_dry_run(resumed)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default="asrcore", help="the stack's name (default: asrcore)")
    common.add_argument("--region", help="its region (default: the shell's)")
    common.add_argument("--profile", help="a profile of the AWS CLI's")
    common.add_argument("--endpoint-url", metavar="URL", help="one address for all AWS services")
    common.add_argument("--local", action="store_true", help="the stack that `make local` runs here")
    common.add_argument("--json", action="store_true", help="results for programs")
    return common


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vendor", choices=list(VENDORS), metavar="VENDOR")
    parser.add_argument(
        "--class", dest="error_class", type=ErrorClass, choices=list(ErrorClass), metavar="|".join(ErrorClass)
    )


def _add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")


def _exit_status() -> str:
    return (__doc__ or "").strip().rpartition("\n")[2]


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def _concurrency(text: str) -> int:
    number = _positive(text)
    if number > backfill.MOST_AT_ONCE:
        raise argparse.ArgumentTypeError(f"{number} is more than {backfill.MOST_AT_ONCE}")
    return number


def _place(options: argparse.Namespace) -> StackLocation:
    return StackLocation(options.stack, options.region, options.profile, options.endpoint_url)


def _status(_options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime) -> CommandResult:
    return inspect_jobs.status(stack, progress, now)


def _list(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime) -> CommandResult:
    before = now - options.older_than if options.older_than else None
    wanted = Filter(options.state, options.vendor, options.error_class, before)
    return inspect_jobs.list_jobs(stack, progress, wanted, options.limit, now)


def _why(options: argparse.Namespace, stack: Stack, _progress: ProgressReporter, now: datetime) -> CommandResult:
    return inspect_jobs.why(stack, options.job, now)


def _cost(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime) -> CommandResult:
    return cost.totals(stack, progress, options.days, now)


def _estimate(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, _now: datetime) -> CommandResult:
    return cost.estimates(stack, progress, options.what, options.vendor, options.options)


def _redrive(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime) -> CommandResult:
    if bool(options.job) is bool(options.error_class):
        raise UsageError("redrive: give a JOB, or --all with --class; each class needs something else put right first")
    if options.job:
        return redrive_one(stack, options.job, dry_run=options.dry_run)
    wanted = Filter(Status.FAILED, options.vendor, options.error_class)
    return redrive_all(stack, progress, wanted, now, dry_run=options.dry_run)


def _reconcile(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, _now: datetime) -> CommandResult:
    return reconcile(stack, progress, fix=options.fix, dry_run=options.dry_run)


def _backfill_start(
    options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime
) -> CommandResult:
    asked = backfill.read_request(options.prefix, options.inventory, options.concurrency, stack)
    return backfill.start(stack, progress, asked, now, dry_run=options.dry_run)


def _backfill_status(
    options: argparse.Namespace, stack: Stack, _progress: ProgressReporter, _now: datetime
) -> CommandResult:
    return backfill.status(stack, options.run)


def _backfill_report(
    options: argparse.Namespace, stack: Stack, progress: ProgressReporter, _now: datetime
) -> CommandResult:
    return backfill.report(stack, progress, options.run)


def _backfill_stop(
    options: argparse.Namespace, stack: Stack, _progress: ProgressReporter, _now: datetime
) -> CommandResult:
    return backfill.stop(stack, options.run)


def _backfill_resume(
    options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime
) -> CommandResult:
    return backfill.resume(stack, progress, options.run, now, dry_run=options.dry_run)


def _smoke(options: argparse.Namespace, stack: Stack, _progress: ProgressReporter, now: datetime) -> CommandResult:
    return smoke(stack, options.vendor, options.within, now, keep=options.keep)


def _delete(options: argparse.Namespace, stack: Stack, _progress: ProgressReporter, _now: datetime) -> CommandResult:
    confirm = _always if options.yes else _ask
    return delete(stack, options.job, confirm, dry_run=options.dry_run)


def _destroy(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, _now: datetime) -> CommandResult:
    return destroy(stack, progress, _always if options.yes else _ask, dry_run=options.dry_run)


def _queue(options: argparse.Namespace, stack: Stack, progress: ProgressReporter, now: datetime) -> CommandResult:
    if options.action == "show":
        return queue.show(stack, progress, now)
    return queue.replay(stack, progress, now, dry_run=options.dry_run)


def _always(_what: list[str]) -> bool:
    return True


def _ask(what: list[str]) -> bool:
    """A yes, typed by a person; anything else, and nobody there, is a no."""
    _write(sys.stderr, [*what, "Delete all of this for ever? Type yes:"])
    return sys.stdin.readline().strip() == "yes"


def _write(stream: TextIO, lines: list[str]) -> None:
    stream.writelines(f"{printable(redact_urls(line))}\n" for line in lines)
    stream.flush()
