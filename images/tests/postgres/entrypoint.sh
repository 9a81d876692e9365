#!/bin/sh
# What the official images' entrypoint does, as far as the tests need it.
set -eu

PGDATA=${PGDATA:-/var/lib/postgresql/data}
user=${POSTGRES_USER:-postgres}
bin=/usr/lib/zentoria/postgres/pginstall/bin
export PGDATA

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then set -- postgres "$@"; fi
if [ "$1" != postgres ]; then exec "$@"; fi
shift

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  if [ -n "${POSTGRES_PASSWORD:-}" ]; then
    umask 077
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/pwfile
    "$bin/initdb" --username="$user" --pwfile=/tmp/pwfile --encoding=UTF8 --locale=C --no-sync >/tmp/initdb.log
    rm /tmp/pwfile
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  elif [ "${POSTGRES_HOST_AUTH_METHOD:-}" = trust ]; then
    "$bin/initdb" --username="$user" --encoding=UTF8 --locale=C --no-sync >/tmp/initdb.log
    method=trust
  else
    echo "POSTGRES_PASSWORD is needed, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
    exit 1
  fi
  printf 'local all all trust\nhost all all all %s\nhost replication all all %s\n' "$method" "$method" >"$PGDATA/pg_hba.conf"
  if [ -n "${POSTGRES_DB:-}" ] && [ "$POSTGRES_DB" != postgres ]; then
    printf 'create database "%s";\n' "$POSTGRES_DB" |
      "$bin/postgres" --single -D "$PGDATA" -c unix_socket_directories=/tmp postgres >/dev/null
  fi
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
