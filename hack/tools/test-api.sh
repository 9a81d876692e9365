#!/usr/bin/env bash
# The tests of tests/api on one API server that all of them share; it ends with them, whatever happens.
# usage: test-api.sh [TEST-NAME...]     ZENTORIA_TEST_THREADS: how many at once (4)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
locked=()
[ "${CI:-}" != true ] || locked=(--locked)
target=${CARGO_TARGET_DIR:-$root/target}

hack/tools/step.sh "control plane" hack/cluster/cluster.sh build api || status=$?
if [ "${status:-0}" = 77 ]; then # only where CI is not true
  echo "== SKIPPED: the tests against an API server (see above)"
  exit 0
fi
[ "${status:-0}" = 0 ] || exit "$status"
hack/tools/step.sh "build the operator" cargo build "${locked[@]}" -p zentoria-operator -p zentoria-cli
hack/tools/step.sh "build the tests" cargo test "${locked[@]}" -p zentoria-api-tests --no-run

ZENTORIA_OPERATOR_BIN=$(realpath "$target/debug/zentoria-operator")
export ZENTORIA_OPERATOR_BIN
ZENTORIA_CLI_BIN=$(realpath "$target/debug/kubectl-zentoria")
export ZENTORIA_CLI_BIN
export ZENTORIA_FAKEPVE=$root/hack/fakepve/run
export ZENTORIA_CLUSTER_SH=$root/hack/cluster/cluster.sh
exec hack/tools/step.sh "tests against an API server" hack/cluster/cluster.sh run api \
  cargo test "${locked[@]}" -p zentoria-api-tests -- --test-threads="${ZENTORIA_TEST_THREADS:-4}" "$@"
