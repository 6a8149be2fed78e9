"""Check the sources of the model, their order, and the error without one."""

import hashlib
import importlib.util
import os
import subprocess
import sys

import pytest

from recognizer import weights
from recognizer.weights import NoModelError, find_model


@pytest.fixture
def nothing_cached(monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda: None)


@pytest.fixture
def halves(tmp_path, monkeypatch, nothing_cached):
    """Two packages whose halves are `one` and `two`."""
    for package, part in zip(weights.PARTS, (b"one", b"two"), strict=True):
        folder = tmp_path / package / "data"
        folder.mkdir(parents=True)
        (folder / f"model.bin.{package[-5:]}").write_bytes(part)
        for name in weights.BESIDE:
            (folder / name).write_text(name)
    monkeypatch.setattr(weights, "_data_of", lambda package: tmp_path / package / "data")
    monkeypatch.setattr(weights, "MODEL_SHA256", hashlib.sha256(b"onetwo").hexdigest())
    monkeypatch.setattr(weights, "MODEL_BYTES", 6)
    return tmp_path


def test_asr_model_folder_comes_first(tmp_path):
    (tmp_path / "model.bin").touch()

    assert find_model({"ASR_MODEL": str(tmp_path)}) == str(tmp_path)


def test_asr_model_hub_name_is_returned():
    assert find_model({"ASR_MODEL": "Systran/faster-whisper-small"}) == "Systran/faster-whisper-small"


def test_asr_model_empty_folder_is_refused(tmp_path):
    with pytest.raises(NoModelError, match=r"no folder with a model\.bin"):
        find_model({"ASR_MODEL": str(tmp_path)})


def test_cached_weights_come_before_the_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_cached", lambda: "/cached")

    assert find_model({}, tmp_path) == "/cached"


def test_halves_are_joined_once_and_checked(halves, monkeypatch):
    joined = halves / "joined"

    assert find_model({}, joined) == str(joined)
    assert (joined / "model.bin").read_bytes() == b"onetwo"
    assert {each.name for each in joined.iterdir()} == {"model.bin", *weights.BESIDE}

    monkeypatch.setattr(weights, "_join", None)  # the second time nothing is joined
    assert find_model({}, joined) == str(joined)


def test_unfinished_file_of_a_killed_process_is_removed(halves):
    joined = halves / "joined"
    joined.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    abandoned, growing = joined / f"model.bin.{ended.pid}", joined / f"model.bin.{os.getppid()}"
    abandoned.touch()
    growing.touch()

    find_model({}, joined)

    assert (abandoned.exists(), growing.exists()) == (False, True)


def test_halves_with_another_digest_are_refused_and_not_kept(halves, monkeypatch):
    monkeypatch.setattr(weights, "MODEL_SHA256", "0" * 64)
    joined = halves / "joined"

    with pytest.raises(NoModelError, match=r"remove \.venv and install again"):
        find_model({}, joined)
    assert list(joined.iterdir()) == []


@pytest.mark.parametrize("missing", ["faster_whisper", *weights.PARTS])
def test_missing_package_is_named_with_its_installation(missing, monkeypatch, tmp_path, nothing_cached):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))

    with pytest.raises(NoModelError, match=missing.replace("_", "-")) as refusal:
        find_model({}, tmp_path / "joined")
    assert "make local" in str(refusal.value)
    assert "ASR_MODEL" in str(refusal.value)
