#!/bin/sh
# Makes the virtual environment $1 with the hash-checked packages of $2, on a stock python3 (3.11 or newer).
set -eu
venv=$1 requirements=$2 python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "asrcore needs Python 3.11 or newer as '$python'; set PYTHON=/path/to/python3 and run make again." >&2
  exit 1
}
if [ ! -x "$venv/bin/pip" ]; then
  # Debian ships python3 without ensurepip: the venv module comes as a package of its own.
  "$python" -c 'import ensurepip' 2>/dev/null || {
    install="apt-get install -y python3-venv"
    echo "setting up: $install" >&2
    if [ "$(id -u)" = 0 ]; then apt-get update -qq && $install >/dev/null
    elif command -v sudo >/dev/null; then sudo apt-get update -qq && sudo $install >/dev/null
    else echo "python3 lacks its venv module: run '$install' as root, then make again." >&2; exit 1; fi
  }
  "$python" -m venv "$venv"
fi
echo "setting up: packages of $requirements (once)" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
