"""Where measured processes run: the tree, and an environment that holds nothing of this machine's."""

import os
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYER = ROOT / "layers" / "asrcore"
BUILD = ROOT / ".aws-sam" / "build"


def environment(path: Iterable[Path] = (LAYER, ROOT), **variables: str) -> dict[str, str]:
    """Variables for a measured process. path: where it imports from, besides the interpreter's own packages."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONHASHSEED": "0",
        "AWS_ACCESS_KEY_ID": "sample",
        "AWS_SECRET_ACCESS_KEY": "sample",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "asrcore",
        **variables,
    }
