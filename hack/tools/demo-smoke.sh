#!/usr/bin/env bash
# `make demo` twice and `make demo-down`, in a directory of its own: all Ready, repeatable, nothing left running. With
# NODES=3 in the environment also: the estate is on all of them.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unset PVE_ENDPOINT PVE_TOKEN_ID PVE_TOKEN_SECRET PVE_FINGERPRINT PVE_CTL
ZENTORIA_DEMO_DIR=$(mktemp -d "${TMPDIR:-/tmp}/zentoria-demo.XXXXXX")/demo
export ZENTORIA_DEMO_DIR
trap '"$root/hack/demo/down.sh" >/dev/null; rm -rf "$(dirname "$ZENTORIA_DEMO_DIR")"' EXIT

# The pids that the demo recorded, its control plane's among them.
recorded() { cat "$ZENTORIA_DEMO_DIR"/run/* "$ZENTORIA_DEMO_DIR"/cluster/run/* 2>/dev/null | cut -d' ' -f1 | sort; }

# Succeeds when the process is there and not just being taken away by the kernel (zombie, dead).
lives() { grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null; }

"$root/hack/demo/up.sh"
before=$(recorded)
"$root/hack/demo/up.sh" >/dev/null
[ "$before" = "$(recorded)" ] || { echo "the second make demo started processes anew" >&2; exit 1; }
"$root/hack/demo/pve" GET /version >/dev/null
used=$(
  # shellcheck source=/dev/null
  . "$ZENTORIA_DEMO_DIR/env"
  kubectl get zc -n zentoria -o jsonpath='{range .items[*]}{.status.node}{"\n"}{end}' | sort | uniq -c
)
echo "containers by node:"
echo "$used"
[ "$(wc -l <<<"$used")" = "${NODES:-1}" ] || { echo "not every node has containers" >&2; exit 1; }
"$root/hack/demo/down.sh"
deadline=$((SECONDS + 5))
for pid in $before; do
  while lives "$pid" && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
  if lives "$pid"; then
    echo "still running after make demo-down: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
    exit 1
  fi
done
for file in env kubeconfig cluster run; do
  [ ! -e "$ZENTORIA_DEMO_DIR/$file" ] || { echo "still there after make demo-down: $file" >&2; exit 1; }
done
