#!/usr/bin/env bash
# Puts the tools of requirements.txt into the user's cache, once per version, and prints the directory of their binaries.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
key=$({
  "$python" --version
  cat "$here/requirements.txt"
} | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/zentoria/tools
venv=$cache/$key

if [ ! -e "$venv/complete" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  if [ ! -e "$venv/complete" ]; then
    echo "tools: installing $(grep -v '^#' "$here/requirements.txt" | tr '\n' ' ')(once)" >&2
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$here/requirements.txt" >&2
    touch "$venv/complete"
  fi
fi
echo "$venv/bin"
