# shellcheck shell=bash
# Backups for real (TIER=pods): a PostgreSQL with pgvector in a pod is backed up to an S3 server in another one, the backup
# is proved by a restore into a scratch server, and what somebody deletes is brought back.

readonly BACKUP_NAMESPACE=zentoria-backup-demo BACKUP_SECONDS=${ZENTORIA_DEMO_BACKUP_SECONDS:-300}
# shellcheck disable=SC2034 # read by operator.sh
readonly BACKUP_IMAGE=localhost/zentoria-jobs:1

# The tier of an instance does not change while it runs.
other_tier_starts_over() {
  [ -d "$DEMO/cluster" ] || return 0
  local running=controllers
  [ ! -d "$DEMO/cluster/node" ] || running=pods
  if [ "$running" != "$DEMO_TIER" ]; then
    say "the control plane that runs is of the tier $running: starting over with $DEMO_TIER"
    demo_stop
  fi
}

backup_demo() {
  backup_images
  backup_servers
  backup_objects
  backup_run
  backup_prove
  backup_bring_back
  backup_show
}

bk() { kubectl -n "$BACKUP_NAMESPACE" "$@"; }

backup_images() {
  local job=${CARGO_TARGET_DIR:-$ROOT/target}/debug/zentoria-job stamp
  stamp=$(cat "$job" "$ROOT"/images/{,*/,*/*/}*.sh | sha256sum)
  if [ "$stamp" != "$(cat "$DEMO/cluster/images.stamp" 2>/dev/null)" ]; then
    say "the images of the Jobs and of the servers that they back up"
    ZENTORIA_JOB_BIN=$job "$ROOT/images/import.sh" 2>&1 | indent
    echo "$stamp" >"$DEMO/cluster/images.stamp"
  fi
}

backup_servers() {
  say "a PostgreSQL with pgvector, a Redis and an S3 server in pods"
  kubectl create namespace "$BACKUP_NAMESPACE" --dry-run=client -o yaml | kubectl apply --server-side -f - | indent
  bk apply --server-side -f "$DEMO_HOME/backup/servers.yaml" | indent
  bk wait --for=condition=Available deployment --all --timeout="${BACKUP_SECONDS}s" >/dev/null ||
    backup_failed "the servers did not come up within $BACKUP_SECONDS s"
  backup_sql >/dev/null <<'SQL'
set client_min_messages = warning;
create extension if not exists vector;
create table if not exists documents (id int primary key, body text not null, embedding vector(3) not null);
insert into documents select n, md5(n::text), array[n, n + 1, n + 2]::real[]::vector from generate_series(1, 10000) n
  on conflict do nothing;
SQL
}

# SQL from standard input, in the database of the demo.
backup_sql() {
  # shellcheck disable=SC2016 # the shell of the pod expands it
  bk exec -i deploy/postgres -- \
    sh -c 'PGPASSWORD=$POSTGRES_PASSWORD exec psql -h 127.0.0.1 -U postgres -d zentoria -v ON_ERROR_STOP=1 -qAt -f -'
}

# Not of a shard: the demo's operator serves everything.
backup_file() { sed '/SHARD/d' "$DEMO_HOME/backup/$1"; }

backup_objects() {
  say "kubectl apply -f hack/demo/backup/backup.yaml: a BackupRepository and two BackupPolicies"
  backup_file backup.yaml | bk apply --server-side -f - | indent
  backup_until "the repository is initialised" br/main '{.status.conditions[?(@.type=="Ready")].status}' True
}

# backup_until WHAT OBJECT JSONPATH VALUE
backup_until() {
  local end=$((SECONDS + BACKUP_SECONDS)) seen=''
  until seen=$(bk get "$2" -o jsonpath="$3" 2>/dev/null) && [ "$seen" = "$4" ]; do
    process_alive "$DEMO" operator || backup_failed "the operator ended"
    [ $SECONDS -lt $end ] || backup_failed "$1: not within $BACKUP_SECONDS s (it is: ${seen:-nothing})"
    sleep 0.5
  done
  say "$1"
}

backup_run() {
  local word before='' now='' newest='{.status.tiers.hourly.snapshot.id}' end=$((SECONDS + BACKUP_SECONDS))
  word=demo-$(date +%s)
  before=$(bk get bp/db -o jsonpath="$newest")
  say "kubectl annotate bp db zentoria.ai/run=$word: a backup now"
  bk annotate --overwrite bp/db zentoria.ai/run="$word" >/dev/null
  until now=$(bk get bp/db -o jsonpath="$newest") && [ -n "$now" ] && [ "$now" != "$before" ]; do
    process_alive "$DEMO" operator || backup_failed "the operator ended"
    [ $SECONDS -lt $end ] || backup_failed "there is no new backup after $BACKUP_SECONDS s"
    sleep 0.5
  done
  say "a backup of PostgreSQL is in the repository: snapshot $now"
}

# A BackupRestore into a scratch PostgreSQL, which compares rows and schema with what was counted when it was made.
backup_prove() {
  say "kubectl apply -f hack/demo/backup/restore.yaml: is it any good?"
  bk delete brs --all >/dev/null
  backup_file restore.yaml | bk apply --server-side -f - | indent
  backup_until "restored into a scratch server and compared" brs/proof '{.status.phase}' Succeeded
  bk delete job restore-test-now --ignore-not-found >/dev/null
  bk create job restore-test-now --from=cronjob/bp-db-restore-test >/dev/null 2>&1
  backup_until "the weekly restore test, started now, has passed" bp/db '{.status.conditions[?(@.type=="Verified")].status}' True
  say "proved: $(bk get brs proof -o jsonpath='{.status.results.db.evidence.compared}')"
}

# What somebody deletes comes back. What is there now is backed up first, by the operator.
backup_bring_back() {
  local rows
  backup_sql <<<'delete from documents where id % 2 = 0;'
  say "somebody deletes every second row: $(backup_sql <<<'select count(*) from documents;') are left"
  bk apply --server-side -f - <<'YAML' | indent
apiVersion: zentoria.ai/v1alpha1
kind: BackupRestore
metadata: {name: bring-back}
spec:
  policyRef: {name: db}
  into: {source: {}}
  confirm: db
YAML
  backup_until "restored over the source" brs/bring-back '{.status.phase}' Succeeded
  rows=$(backup_sql <<<'select count(*) from documents;')
  [ "$rows" = 10000 ] || backup_failed "10000 rows should be there after the restore, and there are $rows"
  say "all $rows rows are back"
}

backup_show() {
  echo
  bk get bp,br,brs
  echo
}

backup_failed() {
  {
    bk get bp,br,brs,jobs,pods
    bk logs -l app.kubernetes.io/name=zentoria-job --tail=20 --prefix
    tail -n 15 "$DEMO/log/operator.log" | indent
  } >&2 || true
  fail "$1. All of it still runs: \`. ${DEMO#"$ROOT/"}/env\` to look at it, \`make demo-down\` to end it"
}
