#!/usr/bin/env bash
# The tests of operator/job: Jobs as processes against the real restic, servers for its repositories, and sources.
# usage: test-job.sh [TEST-NAME...]     ZENTORIA_TEST_THREADS: how many at once (4: some wait for a minute)
# A component that cannot be had here is said, and its tests are skipped; with CI=true that is a failure.
set -euo pipefail

# shellcheck source=hack/tools/test-env.sh
. "$(dirname "${BASH_SOURCE[0]}")/test-env.sh"

for name in restic rest-server rclone openbao redis postgres16 postgres17 postgres18 sshd; do
  hack/tools/components.sh "$name" >/dev/null || [ $? = 77 ]
done
hack/tools/step.sh "tests of the Jobs of backups" cargo test "${locked[@]}" -p zentoria-job --no-fail-fast -- \
  --test-threads="${ZENTORIA_TEST_THREADS:-4}" "$@"
