# shellcheck shell=bash
# A model for real: an Ollama on loopback, reached through the operator's dial map, pulls a tiny model from a registry of
# the demo, slowly, and the percentage moves in `kubectl get mp -w`. Ollama is built once, from its Go module (some
# minutes); MODELS=0 leaves it out.

# Of nobody in the estate; the dial map leads from it to the Ollama.
readonly MODEL_ADDRESS=10.10.40.250:11434 MODEL_BYTES=25165824 MODEL_RATE=2097152
MODEL_MAP=

models_start() {
  [ "$PVE_KIND" != real ] || return 0
  [ "${MODELS:-}" != 0 ] || return 0
  local ollama
  if ! ollama=$("$ROOT/hack/tools/components.sh" ollama); then
    say "there is no Ollama for this machine: no model is pulled for real"
    return 0
  fi
  if ! process_alive "$DEMO" registry; then
    rm -f "$DEMO/registry.port"
    process_start "$DEMO" registry python3 "$DEMO_HOME/models/registry.py" "$DEMO/registry.port" "$MODEL_BYTES" "$MODEL_RATE"
  fi
  if ! process_alive "$DEMO" ollama; then
    models_free_port >"$DEMO/ollama.port"
    process_start "$DEMO" ollama env HOME="$DEMO/ollama" OLLAMA_MODELS="$DEMO/ollama/models" \
      OLLAMA_HOST="127.0.0.1:$(cat "$DEMO/ollama.port")" "$ollama" serve
  fi
  local i
  for ((i = 0; i < 200; i++)); do
    [ ! -s "$DEMO/registry.port" ] || ! models_answers "$(cat "$DEMO/ollama.port")" || break
    sleep 0.1
  done
  models_answers "$(cat "$DEMO/ollama.port")" || fail "the Ollama of the demo does not answer: $DEMO/log/ollama.log"
  MODEL_MAP="$MODEL_ADDRESS=127.0.0.1:$(cat "$DEMO/ollama.port")"
  say "an Ollama at $MODEL_ADDRESS (on loopback), and a slow registry with one model"
}

models_free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

models_answers() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Pulls it, and shows what `kubectl get mp -w` shows meanwhile.
models_show() {
  [ -n "$MODEL_MAP" ] || return 0
  local watch
  say "a ModelPull of a tiny model: kubectl get mp tiny -w"
  kubectl delete mp tiny --ignore-not-found >/dev/null
  kubectl apply --server-side -f - >/dev/null <<YAML
apiVersion: zentoria.ai/v1alpha1
kind: ModelPull
metadata: {name: tiny, namespace: $ESTATE_NAMESPACE}
spec:
  url: http://$MODEL_ADDRESS
  ollama: {model: "127.0.0.1:$(cat "$DEMO/registry.port")/lib/tiny:1b", insecure: true}
  deletionPolicy: Delete
YAML
  kubectl get mp tiny -w 2>/dev/null > >(indent) &
  watch=$!
  kubectl wait --for=condition=Ready --timeout=180s mp/tiny >/dev/null || {
    kill "$watch" 2>/dev/null
    fail "the model did not come within 180 s: kubectl describe mp tiny"
  }
  sleep 0.5 # what the watch shows last
  kill "$watch" 2>/dev/null || true
  wait "$watch" 2>/dev/null || true
}
