# shellcheck shell=bash
# The operator, built from this checkout and run in the background; and kubectl-zentoria beside it.

OPERATOR_BIN=${CARGO_TARGET_DIR:-$ROOT/target}/debug/zentoria-operator

operator_build() {
  local packages=(-p zentoria-operator -p zentoria-cli)
  [ "$DEMO_TIER" != pods ] || packages+=(-p zentoria-job)
  say "building the operator and kubectl-zentoria"
  (cd "$ROOT" && cargo build --locked "${packages[@]}") 2>&1 | indent
}

# A new binary or new arguments restart it; otherwise the one that runs stays.
operator_start() {
  local arguments=(--namespace "$SYSTEM_NAMESPACE" --http-address 127.0.0.1:0) stamp
  # All traffic for the manifest's address goes to the double; with a map, the operator refuses every other address.
  [ "$PVE_KIND" = real ] || arguments+=(--dial-map "$DOUBLE_ADDRESS:8006=127.0.0.1:${PVE_ENDPOINT##*:}")
  [ -z "$MODEL_MAP" ] || arguments+=(--dial-map "$MODEL_MAP" --model-poll 5s)
  [ "$DEMO_TIER" != pods ] || arguments+=(--jobs-image "$BACKUP_IMAGE")
  stamp=$(sha256sum "$OPERATOR_BIN" "$KUBECONFIG" && echo "${arguments[*]}")
  if process_alive "$DEMO" operator; then
    if [ "$stamp" = "$(cat "$DEMO/operator.stamp" 2>/dev/null)" ]; then
      say "the operator runs already"
      return
    fi
    say "the operator has changed: stopping the old one"
    process_stop "$DEMO" operator
  fi
  say "starting the operator (log: ${DEMO#"$ROOT/"}/operator.log)"
  echo "$stamp" >"$DEMO/operator.stamp"
  ln -sfn log/operator.log "$DEMO/operator.log"
  process_start "$DEMO" operator env -u PVE_TOKEN_SECRET KUBECONFIG="$DEMO/kubeconfig" RUST_LOG="${RUST_LOG:-info}" \
    "$OPERATOR_BIN" "${arguments[@]}"
}
