#!/usr/bin/env bash
# build-rootfs.sh DIRECTORY: PostgreSQL 16 with pgvector for the tests, which takes the environment of the official images
# (POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB, POSTGRES_HOST_AUTH_METHOD, PGDATA) and runs as any user but root.
set -euo pipefail

# shellcheck source=images/lib/rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/rootfs.sh"

rootfs_begin "${1:-}"
rootfs_user postgres 999 /var/lib/postgresql
rootfs_user zentoria 65532 /scratch
rootfs_shell
home=$(dirname "$(rootfs_component postgres16)")
wheel=$(realpath "$home/../..")
# Programs find their libraries and files relative to themselves.
for part in bin share lib/postgresql; do rootfs_tree "$home/$part" "/usr/lib/zentoria/postgres/pginstall/$part" "$wheel"; done
for library in "$wheel"/*.libs/*; do
  case $(basename "$library") in
    libecpg* | libpgtypes*) continue ;; # for C programs with SQL in them; what they need is not packed
  esac
  install -D -m 755 "$library" "$ROOTFS/usr/lib/zentoria/${library#"$wheel"/}"
  rootfs_libraries "$library" "$wheel"
done
for program in "$ROOTFS"/usr/lib/zentoria/postgres/pginstall/bin/*; do
  ln -s "../lib/zentoria/postgres/pginstall/bin/$(basename "$program")" "$ROOTFS/usr/bin/"
done
install -m 755 "$(dirname "${BASH_SOURCE[0]}")/entrypoint.sh" "$ROOTFS/usr/local/bin/docker-entrypoint.sh"
mkdir -p "$ROOTFS/var/lib/postgresql"
