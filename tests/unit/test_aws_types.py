"""The types of AWS clients are for mypy only: where the code runs, their packages are not installed."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPED = ("asrctl", "benchmarks", "devstack", "functions", "layers", "tools")
LISTED = subprocess.run(["git", "ls-files", *TYPED], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def imported(tree):
    """Yield the modules that a tree imports when it runs: not those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from (module for each in node.orelse for module in imported(each))
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module)):
                yield module
            case _:
                yield from imported(node)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in LISTED.splitlines()
        if path.endswith(".py") and "mypy_boto3" in (ROOT / path).read_text("utf-8", "replace")
    ],
)
def test_types_of_aws_clients_are_imported_for_mypy_only(path):
    assert [module for module in imported(ast.parse((ROOT / path).read_text("utf-8"))) if "mypy_boto3" in module] == []


def test_a_runtime_import_of_types_is_found():
    tree = ast.parse("def connect():\n    from mypy_boto3_s3 import S3Client")

    assert list(imported(tree)) == ["mypy_boto3_s3"]
