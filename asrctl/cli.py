"""The command line: the commands and what each accepts.

A command imports what it needs when it runs, so that help and completion start in under 0.3 s.

Exit status: 0 done; 1 something failed or is missing; 2 wrong arguments.
"""

from collections.abc import Sequence
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asrctl import parameters
from asrctl.formatting import program_name
from asrctl.parameters import DURATION, NUMBER, dry_run_option, error_class_option, vendor_option, yes_option

if TYPE_CHECKING:
    from pydantic import BaseModel

    from asrctl.result import CommandResult
    from asrctl.run import Invocation

CONCURRENCY, MAX_CONCURRENCY = 10, 100


class StackCommand(click.Command):
    """A command for one stack. Adds the options that name the stack, and writes what the function returns."""

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **attributes: Any) -> None:
        super().__init__(name, params=[*(params or []), *parameters.stack_options()], **attributes)

    def invoke(self, ctx: click.Context) -> int:
        """Run the function and return the exit status."""
        from asrctl.run import run

        if self.callback is None:
            raise NotImplementedError
        return run(self.callback, ctx.params)


def _version() -> str:
    """Return the installed version, or in a checkout that of pyproject.toml."""
    try:
        return metadata.version("asrcore")
    except metadata.PackageNotFoundError:
        import tomllib

        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return str(project["version"])


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"asrctl {_version()}")
        ctx.exit()


class Commands(click.Group):
    """A group whose commands are for one stack."""

    command_class = StackCommand
    group_class = type  # click: the groups within are of this class too


@click.group(
    cls=Commands,
    help="Show what the stack is doing and why, and repair what failed.",
    epilog=(__doc__ or "").strip().rpartition("\n")[2],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="the version")
def commands() -> None:
    """Hold the commands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Wrong arguments are reported on standard error."""
    try:
        status = commands.main(
            arguments, prog_name=program_name(), complete_var="_ASRCTL_COMPLETE", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 1
    return int(status or 0)


def _usage(problem: str) -> click.UsageError:
    return click.UsageError(problem, click.get_current_context())


@commands.command(help="Count jobs, executions and failed events; show the oldest open job.")
def status(run: "Invocation") -> "CommandResult[BaseModel]":
    from asrctl import inspect_jobs

    return inspect_jobs.status(run.stack, run.progress, run.now)


@commands.command("list", help="List jobs, oldest first.")
@click.option("--state", type=parameters.STATE, metavar="STATE", help="QUEUED, IN_PROGRESS, COMPLETED or FAILED")
@vendor_option()
@error_class_option
@click.option("--older-than", type=DURATION, metavar="DURATION", help="created longer ago than 90s, 15m, 2h or 3d")
@click.option("--limit", type=NUMBER, default=50, metavar="N", help="at most this many (default: 50)")
def list_jobs(
    run: "Invocation",
    *,
    state: str | None,
    vendor: str | None,
    error_class: str | None,
    older_than: timedelta | None,
    limit: int,
) -> "CommandResult[BaseModel]":
    from asrctl import inspect_jobs
    from asrctl.filters import Filter

    before = run.now - older_than if older_than else None
    return inspect_jobs.list_jobs(
        run.stack, run.progress, Filter.parse(state, vendor, error_class, before), limit, run.now
    )


@commands.command(help=f"Explain what happened to a job, and what to do. JOB: {parameters.JOB}.")
@click.argument("job")
def why(run: "Invocation", job: str) -> "CommandResult[BaseModel]":
    from asrctl import inspect_jobs

    return inspect_jobs.why(run.stack, job, run.now)


@commands.command(help="Add up the cost of ended jobs by day and vendor.")
@click.option("--days", type=NUMBER, default=7, metavar="N", help="today and the days before it (default: 7)")
def cost(run: "Invocation", days: int) -> "CommandResult[BaseModel]":
    from asrctl import cost

    return cost.totals(run.stack, run.progress, days, run.now)


@commands.command(
    help="Estimate what recordings would cost with each vendor. WHAT: a length (90s, 15m, 2h), a file of this machine, "
    "or s3://bucket/prefix of the audio bucket."
)
@click.argument("what")
@vendor_option("with this vendor only")
@click.option(
    "--options", default="{}", metavar="JSON", help="options as in a sidecar; automatic choice depends on them"
)
def estimate(run: "Invocation", what: str, vendor: str | None, options: str) -> "CommandResult[BaseModel]":
    from asrctl import cost

    return cost.estimates(run.stack, run.progress, what, vendor, options)


@commands.command(help=f"Start FAILED jobs again: one, or with --all those of a class. JOB: {parameters.JOB}.")
@click.argument("job", required=False)
@click.option("--all", "every", is_flag=True, help="all FAILED jobs of --class, and of --vendor if given")
@vendor_option()
@error_class_option
@dry_run_option
def redrive(
    run: "Invocation", *, job: str | None, every: bool, vendor: str | None, error_class: str | None, dry_run: bool
) -> "CommandResult[BaseModel]":
    from asrctl.filters import Filter
    from asrctl.redrive import redrive_all, redrive_one

    if bool(job) is every or bool(job) is bool(error_class):
        raise _usage("give a JOB, or --all with --class: each class needs another correction first")
    if job:
        return redrive_one(run.stack, job, dry_run=dry_run)
    return redrive_all(run.stack, run.progress, Filter.parse("FAILED", vendor, error_class), run.now, dry_run=dry_run)


@commands.command(help="Submit recordings without a job; report lost transcripts.")
@click.option("--fix", is_flag=True, help="restore deleted transcripts")
@dry_run_option
def reconcile(run: "Invocation", fix: bool, dry_run: bool) -> "CommandResult[BaseModel]":
    from asrctl.reconcile import reconcile

    return reconcile(run.stack, run.progress, fix=fix, dry_run=dry_run)


@commands.command(help="Show events that failed three times, or replay them.")
@click.argument(
    "action", type=parameters.LazyChoice(lambda: ("show", "replay")), default="show", metavar="[show|replay]"
)
@dry_run_option
def queue(run: "Invocation", action: str, dry_run: bool) -> "CommandResult[BaseModel]":
    from asrctl import queue

    if action == "show":
        return queue.show(run.stack, run.progress, run.now)
    return queue.replay(run.stack, run.progress, run.now, dry_run=dry_run)


@commands.command(help="Transcribe a short sample, and delete it again.")
@vendor_option("with this vendor (default: automatic)")
@click.option("--within", type=DURATION, default="5m", metavar="DURATION", help="how long to wait (default: 5m)")
@click.option("--keep", is_flag=True, help="keep recording, transcript and row")
def smoke(run: "Invocation", vendor: str | None, within: timedelta, keep: bool) -> "CommandResult[BaseModel]":
    from asrctl.smoke import smoke

    return smoke(run.stack, vendor, within, run.now, keep=keep)


@commands.command(help=f"Delete a job: recording, transcript, exports, raw reply, row. JOB: {parameters.JOB}.")
@click.argument("job")
@yes_option
@dry_run_option
def delete(run: "Invocation", job: str, yes: bool, dry_run: bool) -> "CommandResult[BaseModel]":
    from asrctl.delete import delete

    return delete(run.stack, job, run.confirmation(yes=yes), dry_run=dry_run)


@commands.command(help="Delete the stack and all that it stores, recordings included.")
@yes_option
@dry_run_option
def destroy(run: "Invocation", yes: bool, dry_run: bool) -> "CommandResult[BaseModel]":
    from asrctl.destroy import destroy

    return destroy(run.stack, run.progress, run.confirmation(yes=yes), dry_run=dry_run)


@commands.group(help="Create jobs for recordings without one, millions of them.")
def backfill() -> None:
    """Hold the commands of a backfill."""


@backfill.command(help="Go through the audio bucket. Recordings that have a job are skipped.")
@click.option("--prefix", metavar="incoming/…", help="keys with this prefix (default: all under incoming/)")
@click.option("--inventory", metavar="s3://…/manifest.json", help="the keys of an S3 inventory of the bucket")
@click.option(
    "--concurrency",
    type=click.IntRange(1, MAX_CONCURRENCY),
    default=CONCURRENCY,
    metavar="N",
    help=f"batches at once (default: {CONCURRENCY}, at most {MAX_CONCURRENCY})",
)
@dry_run_option
def start(
    run: "Invocation", prefix: str | None, inventory: str | None, concurrency: int, dry_run: bool
) -> "CommandResult[BaseModel]":
    from asrctl import backfill

    if prefix is not None and inventory is not None:
        raise _usage("--inventory is not allowed with --prefix")
    request = backfill.read_request(prefix, inventory, concurrency, run.stack)
    return backfill.start(run.stack, run.progress, request, run.now, dry_run=dry_run)


@backfill.command("status", help="Show the progress of a backfill, or of the latest ones.")
@click.argument("backfill_run", metavar="[RUN]", required=False)
def backfill_status(run: "Invocation", backfill_run: str | None) -> "CommandResult[BaseModel]":
    from asrctl import backfill

    return backfill.status(run.stack, backfill_run)


@backfill.command(help="Report the outcome of every object of a backfill that has ended.")
@click.argument("backfill_run", metavar="RUN")
def report(run: "Invocation", backfill_run: str) -> "CommandResult[BaseModel]":
    from asrctl import backfill

    return backfill.report(run.stack, run.progress, backfill_run)


@backfill.command(help="Start no more jobs. Jobs that were started continue.")
@click.argument("backfill_run", metavar="RUN")
def stop(run: "Invocation", backfill_run: str) -> "CommandResult[BaseModel]":
    from asrctl import backfill

    return backfill.stop(run.stack, backfill_run)


@backfill.command(help="Go through the same recordings again. Those that have a job are skipped.")
@click.argument("backfill_run", metavar="RUN")
@dry_run_option
def resume(run: "Invocation", backfill_run: str, dry_run: bool) -> "CommandResult[BaseModel]":
    from asrctl import backfill

    return backfill.resume(run.stack, run.progress, backfill_run, run.now, dry_run=dry_run)
