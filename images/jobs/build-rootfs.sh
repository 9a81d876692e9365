#!/usr/bin/env bash
# build-rootfs.sh DIRECTORY: the image of the backups' Jobs as a directory, without a container engine. The Dockerfile beside
# this runs it, so that there is one list of what is inside.
#
# ZENTORIA_JOB_BIN: the program zentoria-job; default: the release build of this checkout.
set -euo pipefail

# shellcheck source=images/lib/rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/rootfs.sh"

# postgres_client MAJOR: the four programs with the libpq of their own version, where Debian has them.
postgres_client() {
  local archive unpacked program path=/usr/lib/postgresql/$1
  archive=$(rootfs_component "postgres-client$1")
  unpacked=$(mktemp -d)
  tar -xzf "$archive" -C "$unpacked" --strip-components=1
  for program in pg_dump pg_dumpall pg_restore psql; do
    # beside its own libpq (RPATH is ../lib), which rootfs_program then finds under the unpacked directory
    install -D -m 755 "$unpacked/bin/$program" "$ROOTFS$path/bin/$program"
    rootfs_libraries "$unpacked/bin/$program" "$unpacked"
  done
  install -D -m 755 "$unpacked/lib/libpq.so.5" "$ROOTFS$path/lib/libpq.so.5"
  rootfs_libraries "$unpacked/lib/libpq.so.5" "$unpacked"
  rm -rf "$unpacked"
}

# redis_program NAME: the machine's own, as in the Dockerfile (Redis reads files of its own version and older ones), else
# that of a wheel, which is older.
redis_program() {
  rootfs_program "$(type -P "$1" || echo "$(rootfs_component redis)/$1")" "/usr/bin/$1"
}

job_program() {
  if [ -z "${ZENTORIA_JOB_BIN:-}" ]; then
    (cd "$IMAGES_HOME" && cargo build --locked --release -p zentoria-job) >&2
    ZENTORIA_JOB_BIN=${CARGO_TARGET_DIR:-$IMAGES_HOME/target}/release/zentoria-job
  fi
  rootfs_program "$ZENTORIA_JOB_BIN" /usr/local/bin/zentoria-job
}

rootfs_begin "${1:-}"
rootfs_user zentoria 65532 /scratch
rootfs_authorities
rootfs_shell # for whoever has to look inside a pod
rootfs_program "$(rootfs_component restic)"
rootfs_program "$(rootfs_component rclone)"
for program in tar gzip; do rootfs_program "$(type -P $program)"; done
redis_program redis-server # a proof loads what was backed up
redis_program redis-cli
rootfs_program "$(type -P ssh || rootfs_die "ssh is missing (Debian: apt-get install openssh-client)")"
postgres_client 16
postgres_client 17
job_program
