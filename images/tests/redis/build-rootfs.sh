#!/usr/bin/env bash
# build-rootfs.sh DIRECTORY: Redis for the tests.
set -euo pipefail

# shellcheck source=images/lib/rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/rootfs.sh"

rootfs_begin "${1:-}"
rootfs_user redis 999 /data
rootfs_user zentoria 65532 /scratch
rootfs_shell
programs=$(rootfs_component redis)
rootfs_program "$programs/redis-server"
rootfs_program "$programs/redis-cli"
