"""Folders and environment variables of measured processes, without those of this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LAYER = ROOT / "layers" / "asrcore"
BUILD = ROOT / ".aws-sam" / "build"


def environment(path: Iterable[Path] = (LAYER, ROOT), **variables: str) -> dict[str, str]:
    """Return the variables of a measured process. path: where it imports from, besides the standard library."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONHASHSEED": "0",
        "AWS_ACCESS_KEY_ID": "sample",
        "AWS_SECRET_ACCESS_KEY": "sample",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        **variables,
    }


def found_alone(module: str, *arguments: str, timeout_s: float) -> Any:
    """Run a module in a process of its own and return its last line, which is JSON.

    Raises CalledProcessError, and the process has said why.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        env=environment(),
        timeout=timeout_s,
    )
    return json.loads(done.stdout.splitlines()[-1])
