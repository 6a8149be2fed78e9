"""Functions in their containers: what `sam local invoke` makes of the built template, beside the local stack."""

import json
import os
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from devstack.stack import FunctionError
from tests.support.scanned_stack import SearchedStack

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam/build/template.yaml"
SAM = os.environ.get("SAM", ".venv-sam/bin/sam")  # as in the Makefile
INVOKE_S = 300  # the first one builds the function's image


def bridge() -> str:
    """The address of this machine that Docker's containers can reach. Raises RuntimeError without a Docker engine."""
    wanted = "{{with index .IPAM.Config 0}}{{or .Gateway .Subnet}}{{end}}"
    asked = _run(["docker", "network", "inspect", "bridge", "-f", wanted], os.environ)
    if asked.returncode:
        raise RuntimeError(f"no Docker engine answers: start one. {asked.stderr.strip()}")
    told = asked.stdout.strip()
    return str(ip_network(told)[1]) if "/" in told else told  # an engine that was just started names no gateway


class ContainedStack(SearchedStack):
    """The local stack where containers can reach it; `invoke` runs a function in one, and all else is as ever."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        """folder: for the files that SAM is given. Raises RuntimeError when SAM, its build or Docker is missing."""
        if not BUILT.exists():
            raise RuntimeError("nothing is built: run make sam-local")
        super().__init__(bind=bridge(), **settings)
        self._folder = folder

    def invoke(self, function: str, event: Any) -> Any:
        """The answer of `function` (its logical id) to `event`. Raises FunctionError if the function fails."""
        variables, given = self._folder / "env.json", self._folder / "event.json"
        variables.write_text(json.dumps(self.environments))
        given.write_text(json.dumps(event))
        pulling = [] if os.environ.get("SAM_PULL_IMAGE") else ["--skip-pull-image"]
        command = [SAM, "local", "invoke", function, "--template", BUILT, "--event", given, "--env-vars", variables]
        ran = _run([*command, "--region", self.region, *pulling], _shell(self.region, self.credential))
        lines = ran.stdout.strip().splitlines()
        if ran.returncode or not lines:
            raise RuntimeError(f"sam local invoke {function} failed:\n{ran.stdout}{ran.stderr}")
        answer = json.loads(lines[-1])
        if isinstance(answer, dict) and "errorType" in answer:
            raise FunctionError(answer)
        return answer


def _shell(region: str, credential: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    aws = {"AWS_ACCESS_KEY_ID": credential, "AWS_SECRET_ACCESS_KEY": credential, "AWS_DEFAULT_REGION": region}
    return {**ours, **aws, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_FOR_UPDATES": "0"}


def _run(command: list[Any], environment: Any) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=INVOKE_S, cwd=ROOT
        )
    except FileNotFoundError as error:
        raise RuntimeError(f"{command[0]} is missing: install it") from error
