"""The version of this program, which is that of the stack that it fits."""

import tomllib
from importlib import metadata
from pathlib import Path


def version() -> str:
    """Return the installed version, or in a checkout that of pyproject.toml."""
    try:
        return metadata.version("asrcore")
    except metadata.PackageNotFoundError:
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return str(project["version"])
