"""The deployed packages as folders, as `sam build` makes them: those that are installed, at the versions of the layer.

Nothing is downloaded. Lambda's own packages (boto3) and those of a vendor's SDK are put together in the same way.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from benchmarks.environment import LAYER, ROOT

FUNCTIONS = tuple(sorted(handler.parent.name for handler in (ROOT / "functions").glob("*/app.py")))
RUNTIME = ("boto3",)  # Lambda's Python runtime brings it
SDK = ("tencentcloud-sdk-python-asr",)
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)(?: ; ([^\\]+))?", re.MULTILINE)
MAKE_S = 120
NAME = re.compile(r"^[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Artefact:
    """Folders to import from; the layer's holds compiled files."""

    layer: Path
    runtime: Path
    sdk: Path

    def function(self, name: str) -> Path:
        """A function's code."""
        return ROOT / "functions" / name


def put_together(folder: Path) -> Artefact:
    """Return the layer, the runtime's packages and the SDK's, each in a folder under `folder`.

    Raises RuntimeError when an installed package is not at its pinned version.
    """
    layer = put_layer_together(folder)
    copy_packages(folder / "runtime", with_dependencies(RUNTIME))
    copy_packages(folder / "sdk", with_dependencies(SDK))
    return Artefact(layer, folder / "runtime", folder / "sdk")


def put_layer_together(folder: Path) -> Path:
    """The layer as `sam build` makes it, under `folder`, from the packages that are installed here."""
    layer = folder / "python"
    copy_packages(layer, pinned())
    shutil.copytree(LAYER / "asrcore", layer / "asrcore", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        ["make", "--silent", "-C", LAYER, "compiled", f"ARTIFACTS_DIR={folder}", f"PYTHON={sys.executable}"],
        check=True,
        timeout=MAKE_S,
    )
    return layer


def pinned() -> list[Distribution]:
    """The installed packages of `layers/asrcore/requirements.txt`."""
    found = []
    for name, version, marker in PIN.findall((LAYER / "requirements.txt").read_text()):
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            if marker:  # for another Python or system
                continue
            raise
        if installed.version != version:
            raise RuntimeError(
                f"{name} {installed.version} is installed, {version} is pinned: run `make lock` or `rm -rf .venv`"
            )
        found.append(installed)
    return found


def with_dependencies(names: Iterable[str]) -> list[Distribution]:
    """Installed packages and all that they need, without their extras."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = left.pop().lower().replace("_", "-")
        if name not in found:
            found[name] = distribution(name)
            left += [NAME.match(line)[0] for line in found[name].requires or [] if "extra ==" not in line]  # type: ignore[index]
    return list(found.values())


def copy_packages(folder: Path, packages: Iterable[Distribution]) -> None:
    """Install into `folder` what the packages consist of, without compiled files and scripts."""
    for package in packages:
        for file in package.files or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(package.locate_file(file))), target)


def sizes(folder: Path) -> tuple[int, int]:
    """A folder's bytes, zipped as for Lambda and unzipped; what it holds compiled is counted too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    packed = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    zipped = packed.stat().st_size
    packed.unlink()
    return zipped, sum(path.stat().st_size for path in files)
