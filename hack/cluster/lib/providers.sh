# shellcheck shell=bash
# Where the control plane comes from. In this order:
#   existing  the cluster that KUBECONFIG names, when ZENTORIA_USE_EXISTING_CLUSTER=true
#   kind      where Docker or Podman runs and kind is installed
#   k3d       where Docker runs and k3d is installed
#   assets    binaries given by TEST_ASSET_ETCD, TEST_ASSET_KUBE_APISERVER, TEST_ASSET_KUBECTL, or KUBEBUILDER_ASSETS
#   modules   built from Go modules (build.sh)
# ZENTORIA_CLUSTER_PROVIDER picks one by name.

# The binaries of a tier that runs as plain processes. The tier `pods` is the others and a node.
tier_binaries() {
  case $1 in
    api) echo etcd kube-apiserver kubectl ;;
    controllers) echo etcd kube-apiserver kubectl kube-controller-manager ;;
    pods)
      echo etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet kube-proxy coredns \
        containerd containerd-shim-runc-v2 ctr ptp host-local loopback helper
      ;;
    *) die "unknown tier $1: api, controllers or pods" ;;
  esac
}

provider_choose() {
  local tier=$1
  if [ -n "${ZENTORIA_CLUSTER_PROVIDER:-}" ]; then
    echo "$ZENTORIA_CLUSTER_PROVIDER"
  elif [ "${ZENTORIA_USE_EXISTING_CLUSTER:-}" = true ]; then
    echo existing
  elif command -v kind >/dev/null && [ -n "$(container_engine)" ]; then
    echo kind
  elif command -v k3d >/dev/null && [ "$(container_engine)" = docker ]; then
    echo k3d
  elif [ "$tier" != pods ] && [ -z "$(assets_missing "$tier")" ]; then
    echo assets
  else
    echo modules
  fi
}

# docker or podman: the first that answers, not merely is installed.
container_engine() {
  local engine
  for engine in docker podman; do
    if command -v $engine >/dev/null && timeout 15 $engine info >/dev/null 2>&1; then
      echo $engine
      return
    fi
  done
}

# asset NAME: the path of a given binary, or nothing.
asset() {
  local variable=TEST_ASSET_${1//-/_} path
  variable=${variable^^}
  for path in "${!variable:-}" "${KUBEBUILDER_ASSETS:+$KUBEBUILDER_ASSETS/$1}"; do
    if [ -n "$path" ] && [ -x "$path" ]; then
      realpath "$path"
      return
    fi
  done
}

assets_missing() {
  local name names
  names=$(tier_binaries "$1")
  for name in $names; do [ -n "$(asset "$name")" ] || echo "$name"; done
}

# binary NAME: its path, for the provider of this instance.
binary() {
  if [ "$PROVIDER" = assets ]; then asset "$1"; else build_path "$1"; fi
}

# The kubectl to use: of the control plane's own version where we have it, else the one on PATH.
kubectl_path() {
  case $PROVIDER in
    assets | modules) binary kubectl ;;
    *) command -v kubectl || asset kubectl | grep . || build_path kubectl ;;
  esac
}

# provider_build TIER: what `up` needs and can be made or checked beforehand, before the instance is recorded.
provider_build() {
  local names missing
  names=$(tier_binaries "$1")
  case $PROVIDER in
    modules)
      [ "$1" != pods ] || node_check
      # shellcheck disable=SC2086 # a list of names
      build_binaries $names
      ;;
    assets)
      [ "$1" != pods ] || unavailable "tier pods: a node is more than the binaries given; take the provider modules"
      missing=$(assets_missing "$1" | tr '\n' ' ')
      [ -z "$missing" ] || unavailable "tier $1: the binaries given lack $missing"
      ;;
    existing | kind | k3d)
      [ -x "$(kubectl_path)" ] || build_binaries kubectl
      [ "$PROVIDER" != existing ] || existing_check
      ;;
    *) die "unknown provider $PROVIDER: existing, kind, k3d, assets or modules" ;;
  esac
}

# provider_up DIR TIER: leaves DIR/kubeconfig.
provider_up() {
  local dir=$1 name
  name=$(container_cluster_name "$dir")
  case $PROVIDER in
    # A copy that stands alone: certificates named by path are taken in.
    existing) (umask 077 && "$(kubectl_path)" config view --raw --flatten --minify >"$dir/kubeconfig") ;;
    kind)
      kind_run get clusters 2>/dev/null | grep -qx "$name" ||
        kind_run create cluster --name "$name" --config "$CLUSTER_HOME/kind.yaml" --kubeconfig "$dir/kubeconfig" --wait 180s >&2
      kind_run export kubeconfig --name "$name" --kubeconfig "$dir/kubeconfig" >&2
      ;;
    k3d)
      k3d cluster get "$name" >/dev/null 2>&1 || k3d cluster create "$name" --config "$CLUSTER_HOME/k3d.yaml" >&2
      (umask 077 && k3d kubeconfig get "$name" >"$dir/kubeconfig")
      ;;
    assets | modules) controlplane_up "$dir" "$2" ;;
  esac
}

provider_down() {
  local dir=$1 name
  name=$(container_cluster_name "$dir")
  case $PROVIDER in
    existing) ;; # not ours
    kind) kind_run delete cluster --name "$name" --kubeconfig "$dir/kubeconfig" >&2 ;;
    k3d) k3d cluster delete "$name" >&2 ;;
    assets | modules) controlplane_down "$dir" ;;
  esac
}

existing_check() {
  [ -r "${KUBECONFIG:-}" ] || die "ZENTORIA_USE_EXISTING_CLUSTER=true: KUBECONFIG must name one readable file"
  "$(kubectl_path)" --request-timeout=10s get --raw /readyz >/dev/null || die "the cluster of $KUBECONFIG is not ready"
}

kind_run() {
  local provider=()
  [ "$(container_engine)" = docker ] || provider=(KIND_EXPERIMENTAL_PROVIDER=podman)
  env "${provider[@]}" kind "$@"
}

# One cluster per state directory.
container_cluster_name() { echo "zentoria-$(realpath -m "$1" | sha256sum | cut -c1-8)"; }

# provider_image DIR ARCHIVE: an OCI archive becomes an image of the nodes.
provider_image() {
  local name
  name=$(container_cluster_name "$1")
  case $PROVIDER in
    modules) node_image "$1" "$2" ;;
    kind) kind_run load image-archive "$2" --name "$name" >&2 ;;
    k3d) k3d image import "$2" --cluster "$name" >&2 ;;
    *) die "images are given to a cluster of our own only, not to: $PROVIDER" ;;
  esac
}

# provider_expose DIR PORT: prints the address.
provider_expose() {
  case $PROVIDER in
    modules)
      node_expose "$1" "$2"
      echo "$NODE_IP:$2"
      ;;
    *) die "ports of this machine are exposed to a node made from modules only, not to: $PROVIDER" ;;
  esac
}
