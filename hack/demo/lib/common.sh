# shellcheck shell=bash
# shellcheck disable=SC2034 # the other files read these names
# What up.sh and down.sh share: names, places, messages.

DEMO=${ZENTORIA_DEMO_DIR:-$ROOT/.demo}
CLUSTER=$ROOT/hack/cluster/cluster.sh
export ZENTORIA_CLUSTER_STATE=$DEMO/cluster

# The contract with manifests/zentoria.yaml.
readonly SYSTEM_NAMESPACE=zentoria-system ESTATE_NAMESPACE=zentoria
ESTATE_MANIFEST=$ROOT/manifests/zentoria.yaml

# How many nodes the double has.
DEMO_NODES=${NODES:-1}

# Whether pods run (pods) or not (controllers).
DEMO_TIER=${TIER:-controllers}

DEMO_STARTED=$(date +%s%3N)

# Seconds since the start, with one decimal.
elapsed() {
  local tenths=$((($(date +%s%3N) - ${1:-$DEMO_STARTED}) / 100))
  echo "$((tenths / 10)).$((tenths % 10))"
}

say() { printf 'demo: [%5s s] %s\n' "$(elapsed)" "$*"; }

fail() {
  echo "demo: $*" >&2
  exit 1
}

indent() { sed 's/^/    /'; }

# A value as one shell word; plain where that is safe, so that simple readers of KEY=VALUE manage, too.
quoted() {
  if [[ $1 =~ ^[A-Za-z0-9@!:/._,+-]*$ ]]; then printf %s "$1"; else printf "'%s'" "${1//\'/\'\\\'\'}"; fi
}

env_line() { echo "$1=$(quoted "$2")"; }

# Ends what up.sh started, in the reverse order.
demo_stop() {
  process_stop "$DEMO" operator
  process_stop "$DEMO" ollama
  process_stop "$DEMO" registry
  process_stop "$DEMO" fakepve
  "$CLUSTER" down
  rm -rf "$DEMO/run" "$DEMO/ollama" "$DEMO"/{ollama.port,registry.port,env,kubeconfig,pve-ca.pem,operator.stamp,operator.log,seed.json}
}
