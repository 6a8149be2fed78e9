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
from devstack.settings import CREDENTIAL, FACTS, LOGS, RECOGNIZER_LOG, SAM_ENV
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
        recognizer=recognizer,
    )
    try:
        with recognizer, stack:
            _write_sam_env(stack)
            facts = {**_facts(stack), "recognizer": recognizer.url}
            FACTS.write_text(f"{json.dumps(facts, indent=2)}\n", encoding="utf-8")
            print(_banner(stack), file=sys.stderr, flush=True)
            print(f"READY {json.dumps(facts)}", flush=True)  # for programs, alone on standard output
            print(_directions(stack, recognizer.url), file=sys.stderr, flush=True)
            stop.wait()
    except SystemExit:
        FACTS.unlink(missing_ok=True)
        print(localized("cli.local.stopped"), file=sys.stderr)
    return 0


def _facts(stack: LocalStack) -> dict[str, object]:
    return {
        "aws_endpoint_url": stack.aws_endpoint_url,
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
        "credential": CREDENTIAL,
        "aws": f"aws --endpoint-url {stack.aws_endpoint_url} --region {stack.region}",
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


def _write_sam_env(stack: LocalStack) -> None:
    """Write the functions' environments for containers, which reach this machine as host.docker.internal."""
    environments = {
        function: {name: value.replace("//127.0.0.1:", "//host.docker.internal:") for name, value in variables.items()}
        for function, variables in stack.environments.items()
    }
    SAM_ENV.parent.mkdir(parents=True, exist_ok=True)
    SAM_ENV.write_text(json.dumps(environments, indent=2) + "\n", encoding="utf-8")


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
