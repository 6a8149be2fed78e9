"""Run the Node.js scripts that check the state machines with packages from npm."""

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ask(script: str, question: Any) -> Any:
    """Return a script's JSON output for a JSON input. Raises CalledProcessError when it fails."""
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
