#!/usr/bin/env bash
# need.sh COMMAND...: says at once, and all together, what this machine lacks.
set -euo pipefail

declare -A from=(
  [cargo]="Rust 1.95 or newer (rustup.rs)"
  [cc]="a C compiler (Debian: gcc libc6-dev)"
  [python3]="Python 3.10 or newer with venv (Debian: python3-venv)"
  [openssl]="OpenSSL 3 (Debian: openssl)"
  [flock]="flock (Debian: util-linux)"
)
missing=0
for name in "$@"; do
  if ! command -v "$name" >/dev/null; then
    echo "$name is missing: ${from[$name]:-please install it}" >&2
    missing=1
  fi
done
if command -v python3 >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "python3 has no venv: ${from[python3]}" >&2
  missing=1
fi
exit $missing
