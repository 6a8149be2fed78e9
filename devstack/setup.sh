#!/bin/sh
# Makes the virtual environment $1 with the hash-checked packages of $2, on a stock python3 (3.11 or newer).
set -eu
venv=$1 requirements=$2 python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "asrcore needs Python 3.11 or newer as '$python'; set PYTHON=/path/to/python3 and run make again." >&2
  exit 1
}

# Installs a package of Debian's, as root or by sudo.
debian() {
  echo "setting up: apt-get install $1" >&2
  if ! command -v apt-get >/dev/null; then return 1; fi
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$1" >/dev/null
}

if [ ! -x "$venv/bin/pip" ]; then
  # Debian ships python3 without ensurepip: the venv module comes as a package of its own.
  "$python" -c 'import ensurepip' 2>/dev/null || debian python3-venv || {
    echo "python3 lacks its venv module: install it (Debian: apt-get install python3-venv), then make again." >&2
    exit 1
  }
  "$python" -m venv "$venv"
fi
quiet=--quiet
case $requirements in *recognizer.txt)
  echo "setting up: the local recogniser, which recognises your own recordings: 215 MB to download," >&2
  echo "  560 MB on disk (once; RECOGNIZER=none leaves it out)" >&2
  quiet="-qqq --retries 1" ;;  # the stack runs without it, and says what is missing
esac
echo "setting up: packages of $requirements (once)" >&2
"$venv/bin/python" -m pip install $quiet --disable-pip-version-check --require-hashes -r "$requirements"

# The viewer is tested in a real browser.
case $requirements in *dev.txt)
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    [ -d "/Applications/Google Chrome.app" ] || debian chromium || {
      echo "the viewer's tests need Chromium or Google Chrome: install one, then make again." >&2
      exit 1
    } ;;
esac
