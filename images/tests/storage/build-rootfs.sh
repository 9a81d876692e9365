#!/usr/bin/env bash
# build-rootfs.sh DIRECTORY: servers that keep repositories, for the tests: rest-server, and rclone, which serves S3.
set -euo pipefail

# shellcheck source=images/lib/rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/rootfs.sh"

rootfs_begin "${1:-}"
rootfs_user zentoria 65532 /scratch
rootfs_shell
rootfs_program "$(rootfs_component rest-server)"
rootfs_program "$(rootfs_component rclone)"
