#!/usr/bin/env bash
# import.sh: builds the images of the tier `pods` and gives them to the node: the Jobs' own, and those of the servers that
# they are tried on. ZENTORIA_CLUSTER_STATE names the instance; ZENTORIA_JOB_BIN the program zentoria-job.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=$here/../hack/cluster/cluster.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# import NAME SCRIPT OPTION...
import() {
  local name=$1 script=$2
  shift 2
  "$here/$script" "$work/rootfs"
  "$cluster" image "$name" "$work/rootfs" "$@"
  rm -rf "$work/rootfs"
}

import localhost/zentoria-jobs:1 jobs/build-rootfs.sh -entrypoint /usr/local/bin/zentoria-job -user 65532:65532 -env HOME=/scratch
import localhost/zentoria-test-postgres:1 tests/postgres/build-rootfs.sh -entrypoint /usr/local/bin/docker-entrypoint.sh -user 999:999
import localhost/zentoria-test-redis:1 tests/redis/build-rootfs.sh -user 999:999
import localhost/zentoria-test-storage:1 tests/storage/build-rootfs.sh -user 65532:65532
