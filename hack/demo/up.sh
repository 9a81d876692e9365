#!/usr/bin/env bash
# `make demo`: a control plane, a Proxmox VE, the operator and manifests/zentoria.yaml, until every container is Ready.
# NODES=3 gives the double three nodes, and the estate spreads over them. TIER=pods runs pods, too (root only): a real
# PostgreSQL is backed up to a real S3 server, proved and restored.
# A model is pulled to a real Ollama, and its percentage shown; MODELS=0 leaves that out.
# Repeatable: on a running demo it builds and applies again and starts what died. State: .demo/ of the checkout.
#
# With PVE_ENDPOINT, PVE_TOKEN_ID, PVE_TOKEN_SECRET and PVE_FINGERPRINT set, that Proxmox VE takes the place of the
# double: in mode Observe, which writes nothing, unless ZENTORIA_DEMO_MODE=Enforce says to create the guests there.
set -euo pipefail

DEMO_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$DEMO_HOME/../.." && pwd)
for part in cluster/lib/processes demo/lib/common demo/lib/pve demo/lib/operator demo/lib/models demo/lib/estate \
  demo/lib/backup; do
  # shellcheck source=/dev/null
  . "$ROOT/hack/$part.sh"
done

control_plane() {
  local tier=$DEMO_TIER config status=0
  say "control plane: $("$CLUSTER" provider $tier)"
  config=$("$CLUSTER" up $tier) || status=$?
  if [ $status = 77 ] && [ "$tier" = controllers ]; then
    tier=api status=0
    config=$("$CLUSTER" up $tier) || status=$?
  fi
  [ $status = 0 ] || fail "there is no control plane (exit $status)"
  install -m 600 "$config" "$DEMO/kubeconfig"
  export KUBECONFIG=$DEMO/kubeconfig
  KUBECTL_DIR=$("$CLUSTER" bin)
  PATH=$KUBECTL_DIR:$PATH
  kubectl config set-context --current --namespace="$ESTATE_NAMESPACE" >/dev/null
}

write_env() {
  (
    umask 077
    {
      echo "# The demo's ways in: . .demo/env"
      env_line PVE_ENDPOINT "$PVE_ENDPOINT"
      env_line PVE_TOKEN_ID "$PVE_TOKEN_ID"
      env_line PVE_TOKEN_SECRET "$PVE_TOKEN_SECRET"
      env_line PVE_FINGERPRINT "$PVE_FINGERPRINT"
      env_line PVE_CTL "$PVE_CTL"
      env_line KUBECONFIG "$DEMO/kubeconfig"
      echo "PATH=$(quoted "$KUBECTL_DIR"):$(quoted "$(dirname "$OPERATOR_BIN")"):\$PATH"
      echo 'export PVE_ENDPOINT PVE_TOKEN_ID PVE_TOKEN_SECRET PVE_FINGERPRINT PVE_CTL KUBECONFIG PATH'
    } >"$DEMO/env"
  )
}

kubernetes_objects() {
  say "CRDs, the operator's namespace and its Secrets"
  kubectl apply --server-side -f "$ROOT/crds/" | indent
  kubectl wait --for=condition=Established --timeout=60s -f "$ROOT/crds/" >/dev/null
  kubectl create namespace "$SYSTEM_NAMESPACE" --dry-run=client -o yaml | kubectl apply --server-side -f - | indent
  # From files, never as arguments, which everybody on the machine can read.
  apply_secret pve-token --from-file=tokenId=<(printf %s "$PVE_TOKEN_ID") --from-file=secret=<(printf %s "$PVE_TOKEN_SECRET")
  if [ "$PVE_KIND" = double ]; then apply_secret pve-ca --from-file=ca.crt="$DEMO/pve-ca.pem"; fi
}

apply_secret() {
  kubectl create secret generic "$@" -n "$SYSTEM_NAMESPACE" --dry-run=client -o yaml |
    kubectl apply --server-side -f - | indent
}

main() {
  mkdir -p "$DEMO"
  chmod 700 "$DEMO"
  exec 7>"$DEMO/lock"
  flock -n 7 || fail "another make demo is at work in $DEMO"
  [[ $DEMO_TIER =~ ^(controllers|pods)$ ]] || fail "TIER is $DEMO_TIER, and it takes controllers or pods"
  [[ $DEMO_NODES =~ ^[1-9]$ ]] || fail "NODES is $DEMO_NODES, and it takes 1 to 9"
  pve_choose
  double_lost_starts_over
  double_resized_starts_over
  other_tier_starts_over
  control_plane
  pve_start
  write_env
  operator_build
  kubernetes_objects
  models_start
  operator_start
  estate_apply
  estate_wait
  estate_filtered
  models_show
  if [ "$DEMO_TIER" = pods ]; then backup_demo; fi
  estate_show
}

main "$@"; exit # on one line: bash reads a script while it runs, and an edit meanwhile must not be read on
