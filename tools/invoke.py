"""Runs a function of the stack that `make local` has started in this process, where a debugger reaches it.

`python -m pdb -m tools.invoke SubmitFunction events/s3-put.json`; the answer is printed as JSON. The function has the
variables of the deployed one, and the rights of the local user, who may do everything.
"""

import argparse
import json
import os
import runpy
import sys
import time
import uuid
from pathlib import Path

from devstack.runtime import Context, Handler
from devstack.settings import ROOT, SAM_ENV, TEMPLATE

REGION = "us-east-1"


def main() -> int:
    """Invoke the function once. Exit status 2 when `make local` does not run, or has no such function."""
    parser = argparse.ArgumentParser(prog="python -m tools.invoke", description=__doc__)
    parser.add_argument("function", help="its name in template.yaml")
    parser.add_argument("event", type=Path, help="a file, such as events/s3-put.json")
    parser.add_argument("--environments", type=Path, default=SAM_ENV, help="as `make local` writes them")
    asked = parser.parse_args()
    if not asked.environments.exists():
        parser.error(f"{asked.environments} is not there: start `make local` first")
    variables = json.loads(asked.environments.read_text(encoding="utf-8")).get(asked.function)
    if variables is None:
        parser.error(f"the stack has no function {asked.function}")
    handler = _handler(asked.function, variables)
    print(json.dumps(handler(json.loads(asked.event.read_text(encoding="utf-8")), _context(asked.function))))
    return 0


def _handler(function: str, variables: dict[str, str]) -> Handler:
    """Load the function as its process does."""
    from devstack.expand import load_template  # noqa: PLC0415 - takes a second, and only to find the folder

    # The file is written for containers, to which this machine has another name.
    os.environ |= {name: value.replace("host.docker.internal", "127.0.0.1") for name, value in variables.items()}
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function,
    }.items():
        os.environ.setdefault(name, value)
    folder = ROOT / load_template(TEMPLATE)["Resources"][function]["Properties"]["CodeUri"]
    sys.path.insert(0, str(ROOT / "layers/asrcore"))
    handler: Handler = runpy.run_path(str(folder / "app.py"))["lambda_handler"]
    return handler


def _context(function: str) -> Context:
    return Context(
        aws_request_id=str(uuid.uuid4()),
        invoked_function_arn=f"arn:aws:lambda:{REGION}:123456789012:function:{function}",
        deadline_ms=int((time.time() + 3600) * 1000),
        function_name=function,
        function_version="$LATEST",
        memory_limit_in_mb="1024",
        log_group_name="",
        log_stream_name="",
    )


if __name__ == "__main__":
    sys.exit(main())
