#!/usr/bin/env bash
# build-rootfs.sh DIRECTORY: the image of the operator as a directory, without a container engine. The Dockerfile beside this
# runs it, so that there is one list of what is inside.
#
# ZENTORIA_OPERATOR_BIN: the program zentoria-operator; default: the release build of this checkout.
set -euo pipefail

# shellcheck source=images/lib/rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/rootfs.sh"

if [ -z "${ZENTORIA_OPERATOR_BIN:-}" ]; then
  (cd "$IMAGES_HOME" && cargo build --locked --release -p zentoria-operator) >&2
  ZENTORIA_OPERATOR_BIN=${CARGO_TARGET_DIR:-$IMAGES_HOME/target}/release/zentoria-operator
fi

rootfs_begin "${1:-}"
rootfs_user zentoria 65532 /tmp # ssh asks who it runs as
rootfs_authorities
rootfs_program "$(type -P ssh || rootfs_die "ssh is missing (Debian: apt-get install openssh-client)")"
rootfs_program "$ZENTORIA_OPERATOR_BIN" /usr/local/bin/zentoria-operator
