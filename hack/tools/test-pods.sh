#!/usr/bin/env bash
# The tests of tests/e2e in a cluster that runs pods; it ends with them, whatever happens. Needs root.
# usage: test-pods.sh [TEST-NAME...]     ZENTORIA_TEST_THREADS: how many at once (2)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
locked=()
[ "${CI:-}" != true ] || locked=(--locked)
target=${CARGO_TARGET_DIR:-$root/target}

# needs TITLE COMMAND...: ends this script where something cannot be had here, which is no failure unless CI is true.
needs() {
  local status=0
  hack/tools/step.sh "$@" || status=$?
  if [ $status = 77 ]; then
    echo "== SKIPPED: the tests with pods (see above)"
    exit 0
  fi
  [ $status = 0 ] || exit $status
}

needs "cluster with pods" hack/cluster/cluster.sh build pods
needs "components of the images" hack/tools/components.sh restic rest-server rclone redis postgres16 postgres-client16 postgres-client17
hack/tools/step.sh "build the operator and the Jobs' program" cargo build "${locked[@]}" -p zentoria-operator -p zentoria-job
hack/tools/step.sh "build the tests" cargo test "${locked[@]}" -p zentoria-e2e-tests --no-run

ZENTORIA_OPERATOR_BIN=$(realpath "$target/debug/zentoria-operator")
ZENTORIA_JOB_BIN=$(realpath "$target/debug/zentoria-job")
export ZENTORIA_OPERATOR_BIN ZENTORIA_JOB_BIN
# shellcheck disable=SC2016 # the inner shell expands
hack/tools/step.sh "tests with pods" hack/cluster/cluster.sh run pods bash -euo pipefail -c '
  images/import.sh
  cargo test "$@"' tests "${locked[@]}" -p zentoria-e2e-tests --no-fail-fast -- --test-threads="${ZENTORIA_TEST_THREADS:-2}" "$@"
