#!/bin/sh
# Prints the folder of Python 3.13, which Lambda runs: of `python3.13` in PATH, or of the one that uv has installed.
# A shim of pyenv may select no version: hence the interpreter's own folder.
found=$(python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null) ||
  found=$(uv python find --system --no-python-downloads 3.13 2>/dev/null) || exit 1
echo "${found%/*}"
