"""`doctor`: check an installation, or the local stack, end to end. Each check says what it found, and what to do.

A check that cannot be made, as for lack of a permission, is a problem of its own, and the others are still made.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from asrcore.core.callback_url import callback_url
from asrcore.core.errors import AsrError
from asrcore.core.vendor import Completion, HttpRequest
from asrcore.messages import Message
from asrcore.stores.secret import FRESH_S
from asrctl.credential_check import ACCEPTED, broken, check_credentials, describe, stored_sample
from asrctl.formatting import program_name
from asrctl.inspect_jobs import queue_depth
from asrctl.progress import ProgressReporter
from asrctl.quotas import CONCURRENCY_QUOTA, LEAST_CONCURRENCY
from asrctl.result import CommandResult, Line, OperatorError, Text
from asrctl.shapes import CheckShape, CheckStatus, DoctorShape
from asrctl.signing_keys import GENERATORS, keys_of
from asrctl.stack import DeployedStack
from asrctl.version import version

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
MOST_SKEW_S = 60  # AWS, Tencent and abcpen refuse a signature that is 300 s off
_CALLBACKS = 5  # a function that rejects a signature reads the keys again, once in FRESH_S
_FIRST_BYTES = "bytes=0-99"
_ID_BYTES = 16  # a job has an id of 32 digits, and CallbackFunction may read no other rows
_CALLBACK_VALID = timedelta(minutes=15)  # clocks may differ
_FINISHED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})

_LINES = {
    CheckStatus.OK: "cli.doctor.ok",
    CheckStatus.PROBLEM: "cli.doctor.problem",
    CheckStatus.SKIPPED: "cli.doctor.skipped",
}
_TITLES = {
    "stack": Message("cli.doctor.check.stack"),
    "versions": Message("cli.doctor.check.versions"),
    "permissions": Message("cli.doctor.check.permissions"),
    "clock": Message("cli.doctor.check.clock"),
    "secrets": Message("cli.doctor.check.secrets"),
    "addresses": Message("cli.doctor.check.addresses"),
    "callbacks": Message("cli.doctor.check.callbacks"),
    "recordings": Message("cli.doctor.check.recordings"),
    "vendors": Message("cli.doctor.check.vendors"),
    "quotas": Message("cli.doctor.check.quotas"),
    "alarms": Message("cli.doctor.check.alarms"),
    "queues": Message("cli.doctor.check.queues"),
}


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do about it."""

    status: CheckStatus
    found: Text
    advice: Message | None = None

    def for_stack(self, stack: DeployedStack) -> Self:
        """Return the finding with advice whose commands name a stack."""
        advice = self.advice
        if advice is None:
            return self
        return replace(self, advice=Message(advice.code, {**advice.params, "options": stack.options}))


def _ok(code: str, **params: Any) -> Finding:
    return Finding(CheckStatus.OK, Message(code, params))


def _problem(code: str, advice: str, **params: Any) -> Finding:
    """Return a problem. code, advice: of messages, which share the parameters."""
    return Finding(
        CheckStatus.PROBLEM,
        Message(code, params),
        Message(advice, {**params, "program": program_name()}),
    )


def _skipped(code: str) -> Finding:
    return Finding(CheckStatus.SKIPPED, Message(code))


def doctor(
    stack: DeployedStack, progress: ProgressReporter, clock: Callable[[], datetime], *, test: bool
) -> CommandResult[DoctorShape]:
    """Make every check of a stack.

    Args:
        clock: returns the time of this machine, UTC.
        test: whether to submit the sample to the vendors.

    Returns:
        Not `ok` when there is a problem.

    Raises:
        OperatorError: there is no such stack.
        ClientError, BotoCoreError: AWS cannot be called at all.
    """
    stack.describe()
    checks = progress.track("cli.progress.checks", _checks(clock, test=test).items())
    found = [(name, _made(check, stack).for_stack(stack)) for name, check in checks]
    shapes = [
        CheckShape(
            name=name,
            status=finding.status,
            found=str(finding.found),
            advice=str(finding.advice) if finding.advice else None,
        )
        for name, finding in found
    ]
    problems = sum(finding.status is CheckStatus.PROBLEM for _, finding in found)
    lines = [line for name, finding in found for line in _lines(name, finding)]
    summary = Message("cli.doctor.problems" if problems else "cli.doctor.healthy", {"count": problems})
    return CommandResult(DoctorShape(stack=stack.name, checks=shapes), [*lines, "", summary], ok=not problems)


def _lines(name: str, finding: Finding) -> Iterator[Line]:
    yield Message(_LINES[finding.status], {"check": _TITLES[name], "found": finding.found})
    if finding.advice:
        yield Message("cli.doctor.advice", {"advice": finding.advice})


def _made(check: Callable[[DeployedStack], Finding], stack: DeployedStack) -> Finding:
    """Make a check, and return what keeps it from being made as a problem."""
    try:
        return check(stack)
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return _problem("cli.doctor.denied", "cli.doctor.advice.denied", operation=error.operation_name)
        return _problem("cli.doctor.failed", "cli.doctor.advice.failed", problem=str(error))
    except BotoCoreError as error:
        return _problem("cli.doctor.failed", "cli.doctor.advice.failed", problem=str(error))
    except AsrError as error:
        return _problem("cli.doctor.failed", "cli.doctor.advice.failed", problem=error.reason)
    except OperatorError as error:
        return _problem("cli.doctor.failed", "cli.doctor.advice.failed", problem=error.message)


def _stack_state(stack: DeployedStack) -> Finding:
    status = stack.describe()["StackStatus"]
    if status in _FINISHED:
        return _ok("cli.doctor.stack_finished", status=status)
    return _problem("cli.doctor.stack_unfinished", "cli.doctor.advice.deploy", status=status)


def _permissions(stack: DeployedStack) -> Finding:
    """Make a call of each kind that the operator's commands make, and list those that are denied."""
    caller = stack.sts.get_caller_identity()["Arn"]
    denied = [action for action, call in _calls(stack) if not _is_allowed(call)]
    if denied:
        return _problem(
            "cli.doctor.permissions_missing", "cli.doctor.advice.permissions", caller=caller, actions=denied
        )
    return _ok("cli.doctor.permissions", caller=caller)


def _calls(stack: DeployedStack) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield actions, each with a call that reads little."""
    settings = {"FunctionName": stack.submit_function}
    yield "lambda:GetFunctionConfiguration", lambda: stack.lambdas.get_function_configuration(**settings)
    yield "secretsmanager:GetSecretValue", lambda: stack.read_secret(stack.secret_arn)
    for bucket in (stack.audio_bucket, stack.transcript_bucket):
        yield f"s3:ListBucket ({bucket})", partial(stack.s3.list_objects_v2, Bucket=bucket, MaxKeys=1)
    yield "dynamodb:GetItem", lambda: stack.jobs.load("none")
    yield "dynamodb:Scan", lambda: stack.dynamodb.scan(TableName=stack.jobs_table, Limit=1)
    yield (
        "states:ListExecutions",
        lambda: stack.states.list_executions(stateMachineArn=stack.state_machine_arn, maxResults=1),
    )
    yield "sqs:GetQueueAttributes", lambda: queue_depth(stack, stack.queue_url)


def _is_allowed(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        return False
    return True


def _versions(stack: DeployedStack) -> Finding:
    deployed = stack.release
    about = {"client": version(), "deployed": deployed or Message("cli.doctor.no_release")}
    if deployed == version():
        return _ok("cli.doctor.versions", **about)
    return _problem("cli.doctor.versions_differ", "cli.doctor.advice.versions", **about)


def _addresses(stack: DeployedStack) -> Finding:
    """Reach the HTTP API and the vendors: any HTTP reply will do."""
    settings = stack.services.settings
    vendors = {name: url for name, url in settings.base_urls.items() if url}
    urls = {"ApiUrl": stack.api_url, "CallbackBaseUrl": settings.callback_base_url, **vendors}
    silent = []
    for name, url in urls.items():
        try:
            stack.services.send(HttpRequest("GET", url))
        except AsrError as error:
            silent.append(
                Message(
                    "cli.doctor.silent", {"name": name, "host": urlsplit(url).hostname or "", "reason": error.reason}
                )
            )
    if silent:
        return _problem("cli.doctor.addresses_silent", "cli.doctor.advice.addresses", silent=silent)
    return _ok("cli.doctor.addresses", count=len({*urls.values()}))


def _callbacks(stack: DeployedStack) -> Finding:
    """Post a signed callback for a job that does not exist, as a vendor would: the stack acknowledges it."""
    services = stack.services
    vendor = next(each for each in services.vendors.values() if Completion.CALLBACK in each.completion_modes)
    base_url, keys = services.settings.callback_base_url, services.callback_keys(fresh=True)
    url = callback_url(
        base_url, vendor.name, secrets.token_hex(_ID_BYTES), 1, keys, expires_at=services.now() + _CALLBACK_VALID
    )
    ours = ({"code": 403, "message": "forbidden"}, vendor.acknowledge(stored=False))
    for _ in range(_CALLBACKS):
        reply = services.send(HttpRequest("POST", url, {"Content-Type": "application/json"}, b"{}"))
        answer = _read_json(reply.body)
        if reply.status == 200 and answer == vendor.acknowledge(stored=True):
            return _ok("cli.doctor.callbacks")
        if answer not in ours:
            return _problem("cli.doctor.callbacks_refused", "cli.doctor.advice.callbacks", status=reply.status)
        services.sleep(FRESH_S)
    return _problem("cli.doctor.callbacks_refused", "cli.doctor.advice.callback_keys", status=reply.status)


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _recordings(stack: DeployedStack) -> Finding:
    """Download the beginning of a recording by a presigned URL, as a vendor does."""
    with stored_sample(stack) as source:
        url = stack.services.recordings.presign(source)
        reply = stack.services.send(HttpRequest("GET", url, {"Range": _FIRST_BYTES}))
    if reply.status == 206:
        return _ok("cli.doctor.recordings")
    return _problem("cli.doctor.recordings_refused", "cli.doctor.advice.recordings", status=reply.status)


def _clock(stack: DeployedStack, clock: Callable[[], datetime]) -> Finding:
    answer = stack.sts.get_caller_identity()
    aws = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    skew_s = round((clock() - aws).total_seconds())
    if abs(skew_s) <= MOST_SKEW_S:
        return _ok("cli.doctor.clock", seconds=abs(skew_s))
    return _problem("cli.doctor.clock_off", "cli.doctor.advice.clock", seconds=skew_s)


def _quotas(stack: DeployedStack) -> Finding:
    if stack.services.settings.is_local:
        return _skipped("cli.doctor.not_local")
    limits = stack.lambdas.get_account_settings()["AccountLimit"]
    about = {
        "concurrency": limits["ConcurrentExecutions"],
        "unreserved": limits["UnreservedConcurrentExecutions"],
        "least": LEAST_CONCURRENCY,
        "quota": CONCURRENCY_QUOTA,
    }
    if limits["UnreservedConcurrentExecutions"] < LEAST_CONCURRENCY:
        return _problem("cli.doctor.quotas_low", "cli.doctor.advice.quotas", **about)
    return _ok("cli.doctor.quotas", **about)


def _secrets(stack: DeployedStack) -> Finding:
    """Check that the secrets have their form, and that the keys which the stack needs are in the signing secret."""
    held, signing = stack.read_secret(stack.secret_arn), stack.read_secret(stack.signing_secret_arn)
    if misplaced := [name for name in GENERATORS if keys_of(held, name)]:
        return _problem("cli.doctor.keys_misplaced", "cli.doctor.advice.setup", keys=misplaced)
    needed = [name for name in GENERATORS if name == "callback" or stack.has_webhook]
    if missing := [name for name in needed if not keys_of(signing, name)]:
        return _problem("cli.doctor.keys_missing", "cli.doctor.advice.setup", keys=missing)
    return _ok("cli.doctor.secrets", keys=needed)


def _vendors(stack: DeployedStack, *, test: bool) -> Finding:
    vendors = list(stack.services.vendors.values())
    checks = check_credentials(stack, stack.read_secret(stack.secret_arn), vendors, test=test)
    if wrong := broken(checks, stack.services.settings.vendor_chain):
        return _problem("cli.doctor.vendors_broken", "cli.doctor.advice.vendors", broken=list(map(describe, wrong)))
    usable = [check.vendor for check in checks if check.status in ACCEPTED]
    if not usable:
        return _problem("cli.doctor.no_vendor", "cli.doctor.advice.setup")
    return _ok("cli.doctor.vendors" if test else "cli.doctor.vendors_untested", vendors=usable)


def _alarms(stack: DeployedStack) -> Finding:
    if stack.services.settings.is_local:
        return _skipped("cli.doctor.not_local")
    names = stack.resources("AWS::CloudWatch::Alarm")
    pages = stack.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNames=names)
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    if ringing := sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"):
        return _problem("cli.doctor.alarms_ringing", "cli.doctor.advice.alarms", alarms=ringing)
    if not any(alarm["AlarmActions"] for alarm in alarms):
        silent = Message("cli.doctor.alarms", {"count": len(alarms)})
        return Finding(CheckStatus.OK, silent, Message("cli.doctor.advice.alarm_topic"))
    return _ok("cli.doctor.alarms", count=len(alarms))


def _queues(stack: DeployedStack) -> Finding:
    failed = queue_depth(stack, stack.queue_url)
    undelivered = queue_depth(stack, stack.undelivered_queue_url) if stack.has_webhook else 0
    if failed or undelivered:
        return _problem("cli.doctor.queues_filled", "cli.doctor.advice.queues", failed=failed, undelivered=undelivered)
    return _ok("cli.doctor.queues")


def _checks(clock: Callable[[], datetime], *, test: bool) -> dict[str, Callable[[DeployedStack], Finding]]:
    """Return the checks by name, in the order in which one explains the next."""
    return {
        "stack": _stack_state,
        "versions": _versions,
        "permissions": _permissions,
        "clock": lambda stack: _clock(stack, clock),
        "secrets": _secrets,
        "addresses": _addresses,
        "callbacks": _callbacks,
        "recordings": _recordings,
        "vendors": lambda stack: _vendors(stack, test=test),
        "quotas": _quotas,
        "alarms": _alarms,
        "queues": _queues,
    }
