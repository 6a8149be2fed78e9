"""From the start of a process to a handler that is ready, in CPU time.

Beside each function stands its floor: the same packages, imported, and the same clients of AWS, without a line of ours.
For information: boto3 and the clients alone, and these with a vendor's SDK and its client. Packages lie as Lambda has
them, on a disk that takes no compiled files: its own compiled, the layer as `sam build` leaves it (compiled too) and,
to see what that saves, as sources only. Runs take turns, and of each the least is taken: others can only add.
"""

import compileall
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from benchmarks.artefact import FUNCTIONS, Artefact, put_together, sizes
from benchmarks.environment import environment

RUNS = 5
UNCOMPILED = "poller"  # the function that shows what compiling saves; they differ little in that
CLIENTS = ("s3", "s3", "secretsmanager", "dynamodb", "stepfunctions", "events")
SERVICES = ("s3", "secretsmanager", "dynamodb", "stepfunctions", "events")
OURS = {"app", "asrcore", "__main__"}
READY = "ready for its usual step"
NOT_SERVICES = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")


@dataclass(frozen=True)
class Step:
    """What a function's usual step needs beyond its start: clients of AWS, and modules that load when first used."""

    clients: tuple[str, ...]
    modules: tuple[str, ...] = ()


USUAL: Mapping[str, Step] = MappingProxyType(
    {
        "submit": Step(("s3", "s3", "secretsmanager", "dynamodb", "stepfunctions"), ("asrcore.net.vendor_http",)),
        "callback": Step(("s3", "secretsmanager", "dynamodb", "stepfunctions", "events")),
        # A query that finds no result yet.
        "poller": Step(("secretsmanager", "dynamodb"), ("asrcore.net.vendor_http",)),
        "api": Step(("dynamodb",)),
        "convert": Step(("s3", "dynamodb")),  # beside PyAV, which is of another layer
        "notify": Step(("secretsmanager", "dynamodb"), ("asrcore.net.webhook_client",)),
        "sweep": Step(("dynamodb",)),
    }
)


def _make_clients(services: tuple[str, ...]) -> str:
    return f"import boto3\nfor name in {services}:\n    boto3.client(name)\n"


# Not what extensions put among the modules without being any.
IMPORTABLE = "def importable(name):\n    return getattr(sys.modules[name], '__spec__', None) is not None\n"
FLOOR = _make_clients(CLIENTS)
SDK = (
    "from tencentcloud.asr.v20190614 import models\n"
    "from tencentcloud.asr.v20190614.asr_client import AsrClient\n"
    "from tencentcloud.common.credential import Credential\n"
    "AsrClient(Credential('sample', 'sample'), '')\n"
)
VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "STACK_NAME": "a-stack",
        "JOBS_TABLE": "jobs",
        "TRANSCRIPT_BUCKET": "transcripts",
        "SECRET_ARN": "secret",
        "VENDOR_CHAIN": "tencent-rec-task,volcengine,abcpen",
        "ROW_RETENTION_DAYS": "30",
    }
)


@dataclass(frozen=True)
class Start:
    """A process to be measured: its code, and where it imports from."""

    code: str
    path: tuple[Path, ...]

    def run(self) -> float:
        """CPU seconds, of user and system, until the code has run."""
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", self.code], env=_environment(self.path), stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"a handler did not start (exit code {process.returncode}); what it said is above")
        return usage.ru_utime + usage.ru_stime

    def modules(self) -> list[str]:
        """Return the modules that it imports, in that order, the standard library's included."""
        code = f"{self.code}\n{IMPORTABLE}import json, sys\nprint(json.dumps([*filter(importable, sys.modules)]))"
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], env=_environment(self.path), capture_output=True, check=True, timeout=60
        )
        found: list[str] = json.loads(done.stdout)
        return found


def measure() -> dict[str, Any]:
    """CPU seconds of every start, and the sizes of what they import."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        artefact = put_together(folder)
        starts = _starts(artefact, folder)
        seconds: dict[str, list[float]] = {each: [] for each in starts}
        for _ in range(RUNS):
            for each, start in starts.items():
                seconds[each].append(start.run())
        return {
            "layer_bytes": dict(zip(("zipped", "unzipped"), sizes(artefact.layer), strict=True)),
            "sources_bytes": dict(zip(("zipped", "unzipped"), sizes(folder / "sources"), strict=True)),
            "runtime_bytes": dict(zip(("zipped", "unzipped"), sizes(artefact.runtime), strict=True)),
            "trimmed_runtime_bytes": dict(zip(("zipped", "unzipped"), sizes(folder / "trimmed"), strict=True)),
            "starts_cpu_s": {each: min(found) for each, found in seconds.items()},
        }


def _starts(artefact: Artefact, folder: Path) -> dict[str, Start]:
    """All that is measured, by name. Compiles what Lambda brings compiled."""
    compileall.compile_dir(artefact.runtime, quiet=1)
    compiled_sdk = folder / "compiled-sdk"
    shutil.copytree(artefact.sdk, compiled_sdk)
    compileall.compile_dir(compiled_sdk, quiet=1)
    sources = folder / "sources"
    shutil.copytree(artefact.layer, sources, ignore=shutil.ignore_patterns("__pycache__"))
    trimmed = folder / "trimmed"
    shutil.copytree(artefact.runtime, trimmed, ignore=_other_services)
    runtime = artefact.runtime
    starts = {name: Start("import app", (artefact.function(name), artefact.layer, runtime)) for name in FUNCTIONS}
    ready = {
        name: Start(
            f"import app{''.join(f', {module}' for module in step.modules)}\n{_make_clients(step.clients)}",
            (artefact.function(name), artefact.layer, runtime),
        )
        for name, step in USUAL.items()
    }
    pairs: dict[str, Start] = {}  # a start and its floor follow each other, so that both meet the same other work
    for name in FUNCTIONS:
        pairs[name], pairs[f"{name}, its imports alone"] = starts[name], _same_imports(starts[name])
        pairs[f"{name}, {READY}"] = ready[name]
        floor = _same_imports(ready[name], USUAL[name].clients)
        pairs[f"{name}, {READY}, its imports and clients alone"] = floor
    return {
        **pairs,
        "boto3 and the stack's clients": Start(FLOOR, (runtime,)),
        "boto3 and the stack's clients, botocore trimmed to our services": Start(FLOOR, (trimmed,)),
        "vendor's SDK": Start(FLOOR + SDK, (compiled_sdk, runtime)),
        "vendor's SDK, sources only": Start(FLOOR + SDK, (artefact.sdk, runtime)),
        f"{UNCOMPILED}, sources only": Start("import app", (artefact.function(UNCOMPILED), sources, runtime)),
    }


def _same_imports(start: Start, clients: tuple[str, ...] = ()) -> Start:
    """Return a start that imports the same modules but for ours, and makes these clients."""
    found = [name for name in start.modules() if name.partition(".")[0] not in OURS]
    # The packages first: they bring the parts of the standard library in an order in which those can be imported.
    modules = sorted(found, key=lambda name: name.partition(".")[0] in sys.stdlib_module_names)
    code = f"import importlib\nfor name in {modules}:\n    importlib.import_module(name)\n"
    return Start(code + (_make_clients(clients) if clients else ""), start.path)


def _other_services(folder: str, names: list[str]) -> list[str]:
    """What botocore describes beyond what we use."""
    if not folder.endswith(str(Path("botocore", "data"))):
        return []
    return [name for name in names if name not in SERVICES and name not in NOT_SERVICES]


def _environment(path: tuple[Path, ...]) -> dict[str, str]:
    return environment(path, PYTHONDONTWRITEBYTECODE="1", **VARIABLES)
