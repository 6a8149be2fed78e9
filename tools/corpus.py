"""Fetch the recordings that others test their software with: `python -m tools.corpus FOLDER`.

A development tool, for `make oracle`. What cannot be fetched is named and left out. Nothing of it is redistributed: the
folder is outside version control, and each project's licence stays with its files.
"""

import argparse
import io
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath

# Projects that read tags or sound, with files of many writers among their tests.
PROJECTS = (
    "quodlibet/mutagen",
    "tinytag/tinytag",
    "taglib/taglib",
    "lieff/minimp3",
    "Borewit/music-metadata",
    "bastibe/python-soundfile",
    "beetbox/audioread",
)
ARCHIVE = "https://codeload.github.com/{}/tar.gz/HEAD"
TIMEOUT_S = 60
MOST_BYTES = 300 * 1024 * 1024
SUFFIXES = frozenset(
    f".{ending}"
    for endings in (
        "3g2 3gp aac ac3 aif aifc aiff amr ape asf au avi awb bit caf dts eac3 flac flv m2ts m4a m4b m4v mka mkv mov",
        "mp1 mp2 mp3 mp4 mpc mts oga ogg ogv opus rf64 snd spx ts w64 wav webm wma wmv wv",
    )
    for ending in endings.split()
)


def fetch(project: str, folder: Path) -> int:
    """Fetch one project's recordings into the folder. Return how many. Raises OSError, tarfile.TarError."""
    with urllib.request.urlopen(ARCHIVE.format(project), timeout=TIMEOUT_S) as answer:  # noqa: S310  # nosec B310 - a fixed https URL
        archive = answer.read(MOST_BYTES)
    found = 0
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            name = PurePosixPath(member.name)
            content = files.extractfile(member) if member.isfile() and name.suffix.lower() in SUFFIXES else None
            if content is not None:
                # Names of others are not followed into folders.
                target = folder / project.replace("/", "+") / "_".join(name.parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
                found += 1
    return found


def main() -> int:
    """Fetch what is not there yet. Return 0 also where nothing could be fetched."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for project in PROJECTS:
        if (folder / project.replace("/", "+")).exists():
            continue
        try:
            print(f"{project}: {fetch(project, folder)} recordings")
        except (OSError, tarfile.TarError, urllib.error.URLError) as error:
            print(f"{project}: not fetched ({error})", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
