# shellcheck shell=bash
# Kubernetes, etcd and what a node needs from their Go modules, once per version, into the user's cache.
#
# A module is a directory beside this one; its go.mod pins everything:
#   k8s     etcd, Kubernetes          dns     CoreDNS with few plugins
#   node    containerd, CNI plugins   helper  our own small tool (ports, images, the pods' sandbox)

BUILD_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/zentoria/cluster
readonly BUILD_MODULES=(k8s node dns helper)
KUBERNETES_VERSION=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$CLUSTER_HOME/k8s/go.mod")

# Without gitVersion the API server calls itself v0.0.0 and refuses to start.
build_ldflags() {
  local flags="-s -w" package number=${KUBERNETES_VERSION#v}
  local minor=${number#*.}
  if [ "$1" = k8s ]; then
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
      flags+=" -X $package.gitVersion=$KUBERNETES_VERSION -X $package.gitMajor=${number%%.*}"
      flags+=" -X $package.gitMinor=${minor%%.*} -X $package.gitCommit= -X $package.gitTreeState=clean"
    done
  fi
  echo "$flags"
}

# Without debug information, which the linker would drop anyhow, compiling takes a sixth less CPU and a fifth less cache.
readonly BUILD_GCFLAGS=all=-dwarf=false

# One directory per pinned graph and way of building: a changed pin builds anew, nothing else does.
build_directory() {
  local name=$1
  [ "$1" != k8s ] || name=$KUBERNETES_VERSION
  echo "$BUILD_CACHE/$name-$({
    cat "$CLUSTER_HOME/$1"/go.*
    cat "$CLUSTER_HOME/$1"/*.go 2>/dev/null
    build_ldflags "$1"
    echo "$BUILD_GCFLAGS"
    uname -sm
  } | sha256sum | cut -c1-12)"
}

declare -A BUILD_BIN
for module in "${BUILD_MODULES[@]}"; do BUILD_BIN[$module]=$(build_directory "$module"); done
unset module

# build_package NAME: the module and the package that a binary is made of.
build_package() {
  case $1 in
    etcd) echo k8s go.etcd.io/etcd/server/v3 ;;
    kube*) echo k8s "k8s.io/kubernetes/cmd/$1" ;;
    containerd | containerd-shim-runc-v2 | ctr) echo node "github.com/containerd/containerd/v2/cmd/$1" ;;
    ptp | loopback) echo node "github.com/containernetworking/plugins/plugins/main/$1" ;;
    host-local) echo node "github.com/containernetworking/plugins/plugins/ipam/$1" ;;
    coredns) echo dns . ;;
    helper) echo helper . ;;
    *) die "nothing is known of a binary $1" ;;
  esac
}

# build_path NAME: where the binary lies once it is built.
build_path() {
  local module _
  read -r module _ < <(build_package "$1")
  echo "${BUILD_BIN[$module]}/$1"
}

# build_missing NAME...: those not built yet.
build_missing() {
  local name
  for name in "$@"; do [ -x "$(build_path "$name")" ] || echo "$name"; done
}

# build_binaries NAME...: builds what is missing; one build at a time per user, the others wait for it.
build_binaries() {
  local missing module
  mapfile -t missing < <(build_missing "$@")
  if [ ${#missing[@]} -gt 0 ]; then
    command -v go >/dev/null || unavailable "no cluster, no binaries given, and no Go to build ${missing[*]} with"
    mkdir -p "$BUILD_CACHE"
    exec 9>"$BUILD_CACHE/lock"
    if ! flock -n 9; then
      log "another build is under way; waiting for it (its log: $BUILD_CACHE/build.log)"
      flock 9
    fi
    mapfile -t missing < <(build_missing "$@")
    for module in "${BUILD_MODULES[@]}"; do build_of_module "$module" "${missing[@]}"; done
    build_forget_old
    exec 9>&-
  fi
  # The marks of use that build_forget_old goes by.
  for module in "${BUILD_MODULES[@]}"; do [ ! -d "${BUILD_BIN[$module]}" ] || touch "${BUILD_BIN[$module]}"; done
}

# Directories of other versions that nothing has used for a month.
build_forget_old() {
  local keep=() module
  for module in "${BUILD_MODULES[@]}"; do keep+=(! -path "${BUILD_BIN[$module]}"); done
  find "$BUILD_CACHE" -mindepth 1 -maxdepth 1 -type d "${keep[@]}" -mtime +30 -exec rm -rf {} +
}

# build_of_module MODULE NAME...: those of the binaries that are made from the module.
build_of_module() {
  local wanted=$1 name module _ names=()
  shift
  for name in "$@"; do
    read -r module _ < <(build_package "$name")
    [ "$module" != "$wanted" ] || names+=("$name")
  done
  [ ${#names[@]} -eq 0 ] || build_now "$wanted" "${names[@]}"
}

# build_now MODULE NAME...: one `go build` for all, for units that several binaries share are compiled once then, and
# linking overlaps with compiling.
build_now() {
  local module=$1 start=$SECONDS packages=() package name job traps status=0 beat=$((SECONDS + 30)) _
  shift
  local bin=${BUILD_BIN[$module]}
  BUILD_STAGE=$bin/.stage BUILD_LOG=$BUILD_CACHE/build.log
  for name in "$@"; do
    read -r _ package < <(build_package "$name")
    packages+=("$package")
  done
  log "building of module $module: $*"
  [ "$module" != k8s ] ||
    log "once only: up to 10 minutes and 5 GB of Go caches on 2 cores when nothing is cached, under 1 minute when all is"
  rm -rf "$BUILD_STAGE" && mkdir -p "$BUILD_STAGE" && : >"$BUILD_LOG"
  build_run "$module" "${packages[@]}" >"$BUILD_LOG" 2>&1 9>&- &
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
    mv "$BUILD_STAGE/$(build_output "$name")" "$bin/$name"
  done
  rm -rf "$BUILD_STAGE"
  log "built $* in $((SECONDS - start)) s"
}

# The name that `go build` gives: the last element of the package's path that is not a major version, or the module's.
build_output() {
  case $1 in
    etcd) echo server ;;
    coredns) echo dns ;;
    *) echo "$1" ;;
  esac
}

build_run() {
  local module=$1 total
  shift
  cd "$CLUSTER_HOME/$module" || return
  export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly
  total=$(go list -deps "$@" | wc -l)
  echo "packages: $total"
  exec go build -v -trimpath -buildvcs=false -gcflags "$BUILD_GCFLAGS" -ldflags "$(build_ldflags "$module")" \
    -o "$BUILD_STAGE/" "$@"
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
