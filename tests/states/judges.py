"""Calls the scripts beside it, which hold the state machines against judges from npm."""

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ask(script: str, question: Any) -> Any:
    """Return what a script answers to a JSON value. Raises CalledProcessError when it fails."""
    done = subprocess.run(
        ["node", script],
        cwd=HERE,
        input=json.dumps(question),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)
