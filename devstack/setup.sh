#!/bin/sh
# Makes the virtual environment $1 with the hash-checked packages of $2, on a stock python3 (3.11 or newer).
set -eu
venv=$1 requirements=$2 python=${PYTHON:-python3}

# Writes the English or the Chinese text, by the shell's language. Python, which the catalogue needs, may be missing yet.
say() {
  case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in zh*) echo "$2" >&2 ;; *) echo "$1" >&2 ;; esac
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  say "asrcore needs Python 3.11 or newer as '$python'; set PYTHON=/path/to/python3 and run make again." \
    "asrcore 需要 Python 3.11 或更新版本（'$python'）；请设置 PYTHON=/path/to/python3，然后再次运行 make。"
  exit 1
}

# Installs a package of Debian's, as root or by sudo.
debian() {
  say "setting up: apt-get install $1" "正在安装：apt-get install $1"
  if ! command -v apt-get >/dev/null; then return 1; fi
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$1" >/dev/null
}

if [ ! -x "$venv/bin/pip" ]; then
  # Debian ships python3 without ensurepip: the venv module comes as a package of its own.
  "$python" -c 'import ensurepip' 2>/dev/null || debian python3-venv || {
    say "python3 lacks its venv module: install it (Debian: apt-get install python3-venv), then make again." \
      "python3 缺少 venv 模块：请安装（Debian：apt-get install python3-venv），然后再次运行 make。"
    exit 1
  }
  "$python" -m venv "$venv"
fi
quiet=--quiet
case $requirements in *recognizer.txt)
  say "setting up: the local recognizer, which recognizes your own recordings: 215 MB to download,
  560 MB on disk (once; RECOGNIZER=none leaves it out)" \
    "正在安装：本地识别引擎，用于识别自己的录音：下载 215 MB，占用磁盘 560 MB（仅一次；RECOGNIZER=none 可跳过）"
  quiet="-qqq --retries 1" ;;  # the stack runs without it, and says what is missing
esac
say "setting up: packages of $requirements (once)" "正在安装：$requirements 中的软件包（仅一次）"
"$venv/bin/python" -m pip install $quiet --disable-pip-version-check --require-hashes -r "$requirements"

# The pages are tested in a real browser. The one without windows, of Debian 12 and later, computes less.
case $requirements in *dev.txt)
  command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null ||
    command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    [ -d "/Applications/Google Chrome.app" ] || debian chromium-headless-shell || debian chromium || {
      say "the viewer's tests need Chromium or Google Chrome: install one, then make again." \
        "查看器的测试需要 Chromium 或 Google Chrome：请安装其一，然后再次运行 make。"
      exit 1
    } ;;
esac
