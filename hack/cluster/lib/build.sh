# shellcheck shell=bash
# Kubernetes and etcd from their Go modules, once per version, into the user's cache.

BUILD_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/zentoria/cluster
BUILD_MODULE=$CLUSTER_HOME/k8s
KUBERNETES_VERSION=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$BUILD_MODULE/go.mod")

# Without gitVersion the API server calls itself v0.0.0 and refuses to start.
build_ldflags() {
  local flags="-s -w" package number=${KUBERNETES_VERSION#v}
  local minor=${number#*.}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$KUBERNETES_VERSION -X $package.gitMajor=${number%%.*}"
    flags+=" -X $package.gitMinor=${minor%%.*} -X $package.gitCommit= -X $package.gitTreeState=clean"
  done
  echo "$flags"
}

# Without debug information, which the linker would drop anyhow, compiling takes a sixth less CPU and a fifth less cache.
readonly BUILD_GCFLAGS=all=-dwarf=false

# One directory per pinned graph and way of building: a changed pin builds anew, nothing else does.
BUILD_BIN=$BUILD_CACHE/$KUBERNETES_VERSION-$({
  cat "$BUILD_MODULE"/go.*
  build_ldflags
  echo "$BUILD_GCFLAGS"
  uname -sm
} | sha256sum | cut -c1-12)

build_package() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

# build_missing NAME...: those not built yet.
build_missing() {
  local name
  for name in "$@"; do [ -x "$BUILD_BIN/$name" ] || echo "$name"; done
}

# build_binaries NAME...: builds what is missing; one build at a time per user, the others wait for it.
build_binaries() {
  local missing
  mapfile -t missing < <(build_missing "$@")
  if [ ${#missing[@]} -gt 0 ]; then
    command -v go >/dev/null || unavailable "no cluster, no binaries given, and no Go to build ${missing[*]} with"
    mkdir -p "$BUILD_BIN"
    exec 9>"$BUILD_CACHE/lock"
    if ! flock -n 9; then
      log "another build is under way; waiting for it (its log: $BUILD_CACHE/build.log)"
      flock 9
    fi
    mapfile -t missing < <(build_missing "$@")
    [ ${#missing[@]} -eq 0 ] || build_now "${missing[@]}"
    find "$BUILD_CACHE" -mindepth 1 -maxdepth 1 -type d ! -path "$BUILD_BIN" -mtime +30 -exec rm -rf {} +
    exec 9>&-
  fi
  touch "$BUILD_BIN" # the mark of use that the line above goes by
}

# One `go build` for all: units that several binaries share are compiled once, and linking overlaps with compiling.
build_now() {
  local start=$SECONDS packages=() name job traps status=0 beat=$((SECONDS + 30))
  BUILD_STAGE=$BUILD_BIN/.stage BUILD_LOG=$BUILD_CACHE/build.log
  for name in "$@"; do packages+=("$(build_package "$name")"); done
  log "building $# of Kubernetes $KUBERNETES_VERSION: $*"
  log "once only: up to 10 minutes and 5 GB of Go caches on 2 cores when nothing is cached, under 1 minute when all is"
  rm -rf "$BUILD_STAGE" && mkdir -p "$BUILD_STAGE" && : >"$BUILD_LOG"
  build_run "${packages[@]}" >"$BUILD_LOG" 2>&1 9>&- &
  job=$!
  traps=$(trap -p INT TERM)
  trap 'kill $job 2>/dev/null; exit 130' INT TERM
  while kill -0 $job 2>/dev/null; do
    if [ $SECONDS -ge $beat ]; then
      log "$(build_progress $# $((SECONDS - start)))"
      beat=$((SECONDS + 30))
    fi
    sleep 0.3
  done
  wait $job || status=$?
  trap - INT TERM
  eval "$traps"
  if [ $status -ne 0 ]; then
    tail -n 30 "$BUILD_LOG" >&2
    die "the build failed; its log: $BUILD_LOG"
  fi
  for name in "$@"; do
    mv "$BUILD_STAGE/$(build_output "$name")" "$BUILD_BIN/$name"
  done
  rm -rf "$BUILD_STAGE"
  log "built $* in $((SECONDS - start)) s"
}

# The name that `go build` gives: the last element of the package's path that is not a major version.
build_output() {
  case $1 in
    etcd) echo server ;;
    *) echo "$1" ;;
  esac
}

build_run() {
  local total
  cd "$BUILD_MODULE" || return
  export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly
  total=$(go list -deps "$@" | wc -l)
  echo "packages: $total"
  exec go build -v -trimpath -buildvcs=false -gcflags "$BUILD_GCFLAGS" -ldflags "$(build_ldflags)" -o "$BUILD_STAGE/" "$@"
}

# One line on how far it is. `go build -v` names each package that it compiles; cached ones are not named.
build_progress() {
  local total compiled linked
  total=$(sed -n 's/^packages: //p' "$BUILD_LOG")
  linked=$(find "$BUILD_STAGE" -type f -size +1M | wc -l)
  if [ -z "$total" ]; then
    echo "downloading modules, $(grep -c '^go: downloading' "$BUILD_LOG" || true) so far, $2 s"
  else
    compiled=$(grep -cv -e '^go: ' -e '^packages: ' "$BUILD_LOG" || true)
    echo "compiled $compiled of at most $total packages, linked $linked of $1 binaries, $2 s"
  fi
}
