#!/usr/bin/env bash
# Runs the double's own tests: the recordings in tests/data/ against it, the barrier, the lags, the faults.
exec "$(dirname "${BASH_SOURCE[0]}")/run" --self-test "$@"
