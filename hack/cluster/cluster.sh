#!/usr/bin/env bash
# A Kubernetes control plane for demo and tests; `cluster.sh help` says how. lib/providers.sh says where it comes from.
set -euo pipefail

CLUSTER_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${ZENTORIA_CLUSTER_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/zentoria/cluster}
STATE=$(realpath -m "$STATE")
for part in common processes certs build controlplane node providers; do
  # shellcheck source-path=SCRIPTDIR/lib source=/dev/null
  . "$CLUSTER_HOME/lib/$part.sh"
done

usage() {
  cat <<'USAGE'
usage: cluster.sh COMMAND
  up [TIER]             start what does not run yet, print the kubeconfig's path
  down                  stop what up started and remove its state; fine when there is nothing
  run TIER COMMAND...   run COMMAND with a control plane of its own (KUBECONFIG, PATH, ZENTORIA_CLUSTER_STATE), which
                        ends with it
  build [TIER]          build what up would have to build
  image NAME:TAG DIR [OPTION...]
                        pack a directory as an image and give it to the node (tier pods); options: -entrypoint "WORDS",
                        -user UID:GID, -env NAME=VALUE
  expose PORT           let pods reach 127.0.0.1:PORT of this machine, and print the address that they reach it at
  kubeconfig            print the kubeconfig's path
  bin                   print the directory of a kubectl that fits
  provider [TIER]       print where the control plane comes from: existing, kind, k3d, assets or modules
tiers (default: controllers)
  api           etcd and kube-apiserver: CRDs, RBAC, watches, admission; no controller runs
  controllers   and kube-controller-manager: service accounts, garbage collection, namespace deletion
  pods          and a node (scheduler, kubelet, containerd, kube-proxy, CoreDNS): pods run; root only
environment
  ZENTORIA_CLUSTER_STATE=DIR          names an instance; several run at once, one directory each
  ZENTORIA_USE_EXISTING_CLUSTER=true  use the cluster of KUBECONFIG
  ZENTORIA_CLUSTER_PROVIDER=NAME      instead of the first that is there
  TEST_ASSET_ETCD, TEST_ASSET_KUBE_APISERVER, TEST_ASSET_KUBECTL, KUBEBUILDER_ASSETS   binaries to use
  ZENTORIA_CLUSTER_APISERVER_ARGS     more flags of kube-apiserver, split at blanks (assets, modules)
  CI=true                             a tier that is not available is a failure; else up and run exit with 77
USAGE
}

# Which provider an instance has is decided once: down must find what up started.
provider_of_instance() {
  if [ -s "$STATE/provider" ]; then cat "$STATE/provider"; else provider_choose "$1"; fi
}

# One up or down of an instance at a time. The lock lies beside the directory, for down removes that, and the lock too:
# hence the check that the file locked is still the one of that name.
lock_instance() {
  mkdir -p "$(dirname "$STATE")"
  while :; do
    exec 8>"$STATE.lock"
    flock 8
    [ ! "$STATE.lock" -ef /dev/fd/8 ] || return 0
  done
}

cmd_up() {
  local tier=${1:-controllers}
  tier_binaries "$tier" >/dev/null
  if [ -d "$STATE" ] && [ ! -e "$STATE/provider" ] && [ -n "$(ls -A "$STATE")" ]; then
    die "$STATE exists and is not ours: set ZENTORIA_CLUSTER_STATE to another directory"
  fi
  PROVIDER=$(provider_of_instance "$tier")
  provider_build "$tier"
  lock_instance
  mkdir -p "$STATE/run" && chmod 700 "$STATE"
  echo "$PROVIDER" >"$STATE/provider"
  provider_up "$STATE" "$tier"
  echo "$STATE/kubeconfig"
}

cmd_down() {
  lock_instance
  if [ -s "$STATE/provider" ]; then
    PROVIDER=$(cat "$STATE/provider")
    provider_down "$STATE"
    rm -rf "$STATE"
  fi
  rm -f "$STATE.lock"
}

# The archive lies in the instance's directory while it is handed over.
cmd_image() {
  local name=${1:?image NAME:TAG DIR} directory=${2:?image NAME:TAG DIR} archive
  shift 2
  [ -s "$STATE/kubeconfig" ] || die "nothing is up in $STATE"
  PROVIDER=$(provider_of_instance pods)
  archive=$(mktemp "$STATE/image.XXXXXX")
  build_binaries helper
  "$(build_path helper)" image -name "$name" -o "$archive" "$@" "$directory" && provider_image "$STATE" "$archive"
  rm -f "$archive"
}

# The command gets a process group of its own, so that an interrupt ends all of it before the control plane goes.
cmd_run() {
  local tier=${1:?run TIER COMMAND...} status=0
  shift
  STATE=$(mktemp -d "${TMPDIR:-/tmp}/zentoria-cluster.XXXXXX")/state
  CHILD=
  trap run_cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  cmd_up "$tier" >/dev/null
  exec 8>&-
  export KUBECONFIG=$STATE/kubeconfig ZENTORIA_CLUSTER_STATE=$STATE
  PATH=$(dirname "$(kubectl_path)"):$PATH
  set -m
  "$@" </dev/null &
  CHILD=$!
  set +m
  echo "$CHILD $(process_start_time "$CHILD")" >"$STATE/run/command"
  process_start "$STATE" watch env ZENTORIA_CLUSTER_STATE="$STATE" "$CLUSTER_HOME/cluster.sh" _watch $$ "$(process_start_time $$)"
  wait "$CHILD" || status=$?
  CHILD=
  exit "$status"
}

run_cleanup() {
  trap '' INT TERM HUP
  if [ -n "$CHILD" ]; then
    kill -s TERM -- "-$CHILD" 2>/dev/null || true
    wait "$CHILD" 2>/dev/null || true
  fi
  process_stop "$STATE" watch KILL
  cmd_down
  rmdir "$(dirname "$STATE")"
}

# cmd_watch PID START-TIME: when `run` was killed without a chance to clean up, this does it.
cmd_watch() {
  while [ "$(process_start_time "$1")" = "$2" ]; do sleep 1; done
  process_stop "$STATE" command KILL
  rm -f "$STATE/run/watch" # that is us
  cmd_down
  rmdir "$(dirname "$STATE")"
}

main() {
  local command=${1:-help}
  [ $# -eq 0 ] || shift
  case $command in
    up) cmd_up "$@" ;;
    down) cmd_down ;;
    run) cmd_run "$@" ;;
    build)
      PROVIDER=$(provider_choose "${1:-controllers}")
      log "the control plane comes from: $PROVIDER"
      provider_build "${1:-controllers}"
      ;;
    image) cmd_image "$@" ;;
    expose)
      PROVIDER=$(provider_of_instance pods)
      provider_expose "$STATE" "${1:?expose PORT}"
      ;;
    _node) node_main "$STATE" ;;
    _watch) cmd_watch "$@" ;;
    kubeconfig)
      [ -s "$STATE/kubeconfig" ] || die "nothing is up in $STATE"
      echo "$STATE/kubeconfig"
      ;;
    bin)
      PROVIDER=$(provider_of_instance api)
      dirname "$(kubectl_path)"
      ;;
    provider) provider_of_instance "${1:-controllers}" ;;
    help | -h | --help) usage ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
}

main "$@"; exit # on one line: bash reads a script while it runs, and an edit meanwhile must not be read on
