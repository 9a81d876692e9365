#!/usr/bin/env bash
# The tests of tests/e2e in a cluster that runs pods; it ends with them, whatever happens. Needs root.
# usage: test-pods.sh [TEST-NAME...]     ZENTORIA_TEST_THREADS: how many at once (2)
set -euo pipefail

# shellcheck source=hack/tools/test-env.sh
. "$(dirname "${BASH_SOURCE[0]}")/test-env.sh"

needs "the tests with pods" "cluster with pods" hack/cluster/cluster.sh build pods
needs "the tests with pods" "components of the images" hack/tools/components.sh restic rest-server rclone redis postgres16 postgres-client16 postgres-client17
hack/tools/step.sh "build the operator and the Jobs' program" cargo build "${locked[@]}" -p zentoria-operator -p zentoria-job
hack/tools/step.sh "build the tests" cargo test "${locked[@]}" -p zentoria-e2e-tests --no-run

ZENTORIA_OPERATOR_BIN=$(built zentoria-operator)
ZENTORIA_JOB_BIN=$(built zentoria-job)
export ZENTORIA_OPERATOR_BIN ZENTORIA_JOB_BIN
# shellcheck disable=SC2016 # the inner shell expands
hack/tools/step.sh "tests with pods" hack/cluster/cluster.sh run pods bash -euo pipefail -c '
  images/import.sh
  cargo test "$@"' tests "${locked[@]}" -p zentoria-e2e-tests --no-fail-fast -- --test-threads="${ZENTORIA_TEST_THREADS:-2}" "$@"
