"""The commands: run a local stack until a signal arrives, or run the demo."""

import argparse
import json
import sys
from pathlib import Path

from rich.cells import cell_len

from asrcore.messages import Message, Param
from asrctl.language import localized, translated
from devstack.demo import explain_recognizer, run_demo
from devstack.expand import ParameterError, TemplateError
from devstack.settings import AWS_ENV, FACTS, LOGS, RECOGNIZER_LOG, SAM_ENV
from devstack.stack import LocalStack
from devstack.stopping import StopSignal
from devstack.web import PortTakenError
from recognizer.process import RecognizerProcess

PAGE_ON = {"JobsPage": "on"}  # only this machine can open it


def run(options: argparse.Namespace, stop: StopSignal) -> int:
    """Run the command in `options`; return its exit status. A wrong argument prints one line, no traceback."""
    try:
        if options.command == "demo":
            return run_demo(options.audio, options.vendor)
        return _run_local(options, stop)
    except ParameterError as error:
        print(localized("cli.local.failed", problem=error.message), file=sys.stderr)
        return 2
    except (TemplateError, PortTakenError) as error:
        print(localized("cli.local.failed", problem=str(error)), file=sys.stderr)
        return 1


def _run_local(options: argparse.Namespace, stop: StopSignal) -> int:
    recognizer = RecognizerProcess(explain_recognizer, RECOGNIZER_LOG, options.bind)
    stack = LocalStack(
        {**PAGE_ON, **options.params},
        region=options.region,
        port=options.port,
        api_port=options.api_port,
        bind=options.bind,
        credential=options.credential,
        recognizer=recognizer,
    )
    try:
        with recognizer, stack:
            _write_sam_env(stack)
            _write_private(AWS_ENV, aws_env(stack))
            facts = {**_facts(stack), "recognizer": recognizer.url}
            _write_private(FACTS, f"{json.dumps(facts, indent=2)}\n")
            print(_banner(stack), file=sys.stderr, flush=True)
            print(f"READY {json.dumps(facts)}", flush=True)  # for programs, alone on standard output
            print(_directions(stack, recognizer.url), file=sys.stderr, flush=True)
            stop.wait()
    except SystemExit:
        for each in (FACTS, AWS_ENV, SAM_ENV):
            each.unlink(missing_ok=True)
        print(localized("cli.local.stopped"), file=sys.stderr)
    return 0


def _facts(stack: LocalStack) -> dict[str, object]:
    return {
        "aws_endpoint_url": stack.aws_endpoint_url,
        "credential": stack.credential,
        "region": stack.region,
        "audio_bucket": stack.audio_bucket,
        "transcript_bucket": stack.transcript_bucket,
        "jobs_table": stack.jobs_table,
        "api_url": stack.api_url,
        "state_machine_arn": stack.state_machine_arn,
        "simulators": stack.simulators,
        "secret_arn": stack.secret_arns["VendorSecret"],
        "signing_secret_arn": stack.secret_arns["SigningSecret"],
        "failed_events_queue_url": stack.failed_events_queue_url,
    }


def _banner(stack: LocalStack) -> str:
    page = stack.outputs.get("JobsPageUrl")
    message = Message("cli.local.page", {"url": page}) if page else Message("cli.local.api", {"url": stack.api_url})
    shown = f"  {translated(message)}"
    line = "=" * (cell_len(shown) + 2)
    return f"{line}\n\n{shown}\n\n{line}"


def _directions(stack: LocalStack, recognizer_url: str | None) -> str:
    about: dict[str, Param] = {
        "aws_env": _relative(AWS_ENV),
        "credential": stack.credential,
        "audio_bucket": stack.audio_bucket,
        "transcript_bucket": stack.transcript_bucket,
        "api_url": stack.api_url,
        "logs": _relative(LOGS),
        "environment": _relative(SAM_ENV),
    }
    page = stack.outputs.get("JobsPageUrl")
    parts = [
        *([Message("cli.local.use_page", {"url": page})] if page else []),
        Message("cli.local.use", about),
        *([Message("cli.local.recognizer", {"url": recognizer_url})] if recognizer_url else []),
        Message("cli.local.how_to_stop"),
    ]
    return "\n".join(map(translated, parts))


def aws_env(stack: LocalStack) -> str:
    """Return the variables of a shell in which the aws CLI, and other programs with AWS's SDKs, reach the stack."""
    variables = {
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": stack.credential,
        "AWS_SECRET_ACCESS_KEY": stack.credential,
    }
    return "".join(f"export {name}={value}\n" for name, value in variables.items())


def _write_private(path: Path, text: str) -> None:
    """Write a file with a credential, which no other user of the machine may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def _write_sam_env(stack: LocalStack) -> None:
    """Write the functions' environments for containers, which reach this machine as host.docker.internal.

    They have an administrator's credentials, as no container gets those of a function's role.
    """
    administrator = {"AWS_ACCESS_KEY_ID": stack.credential, "AWS_SECRET_ACCESS_KEY": stack.credential}
    environments = {
        function: {
            name: value.replace("//127.0.0.1:", "//host.docker.internal:")
            for name, value in {**variables, **administrator}.items()
        }
        for function, variables in stack.environments.items()
    }
    _write_private(SAM_ENV, json.dumps(environments, indent=2) + "\n")


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
