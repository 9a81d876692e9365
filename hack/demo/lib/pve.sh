# shellcheck shell=bash
# The Proxmox VE of the demo: a double on loopback, or the real one that the environment names. Both leave
# PVE_ENDPOINT, PVE_TOKEN_ID, PVE_TOKEN_SECRET, PVE_FINGERPRINT and PVE_CTL (the double's fault endpoint).

DOUBLE_BASE=$ROOT/hack/fakepve/seeds/zentoria.json DOUBLE_SEED=$DEMO/seed.json
readonly DOUBLE_ADDRESS=10.10.0.2 DOUBLE_SECONDS=300

# PVE_CTL is only ever set by .demo/env: a shell that has read it means the double, not a real node.
pve_choose() {
  PVE_KIND=double
  [ -n "${PVE_ENDPOINT:-}" ] && [ -z "${PVE_CTL:-}" ] || return 0
  PVE_KIND=real PVE_CTL=
  local name
  for name in PVE_TOKEN_ID PVE_TOKEN_SECRET PVE_FINGERPRINT; do
    [ -n "${!name:-}" ] || fail "PVE_ENDPOINT names a real Proxmox VE; $name is needed, too"
  done
}

# The double keeps its guests in memory. When it died, objects that describe them would only report them missing.
double_lost_starts_over() {
  if [ "$PVE_KIND" = double ] && [ -e "$DEMO/run/fakepve" ] && ! process_alive "$DEMO" fakepve; then
    say "the double ended and its guests with it: starting over"
    demo_stop
  fi
}

# The seed with as many nodes as NODES says (1), each of the size of the one, and with the datacenter's firewall on, as
# README says to switch it on: only guests filter.
double_seed() {
  python3 - "$DOUBLE_BASE" "$DEMO_NODES" <<'PYTHON'
import json, sys
with open(sys.argv[1]) as base:
    seed = json.load(base)
seed["nodes"] = [f"pve{number}" for number in range(1, int(sys.argv[2]) + 1)]
seed["datacenter_firewall"] = {"options": {"enable": 1, "policy_in": "ACCEPT", "policy_out": "ACCEPT"}}
json.dump(seed, sys.stdout, indent=2)
PYTHON
}

# Another number of nodes is another Proxmox VE.
double_resized_starts_over() {
  if [ "$PVE_KIND" = double ] && process_alive "$DEMO" fakepve &&
    [ "$(double_seed)" != "$(cat "$DOUBLE_SEED" 2>/dev/null)" ]; then
    say "the double has another number of nodes than $DEMO_NODES: starting over"
    demo_stop
  fi
}

pve_start() {
  if [ "$PVE_KIND" = real ]; then
    say "Proxmox VE: $PVE_ENDPOINT (real)"
    return
  fi
  [ -f "$DOUBLE_BASE" ] || fail "the double's seed $DOUBLE_BASE is missing"
  double_seed >"$DOUBLE_SEED"
  if ! process_alive "$DEMO" fakepve; then
    say "Proxmox VE: starting the double (the first time it installs itself into the user's cache)"
    rm -f "$DEMO/log/fakepve.log"
    process_start "$DEMO" fakepve "$ROOT/hack/fakepve/run" --seed "$DOUBLE_SEED" --host 127.0.0.1 --port 0 --ctl-port 0 \
      --ca-out "$DEMO/pve-ca.pem" --san $DOUBLE_ADDRESS --time-scale 0.1
  fi
  double_read
  say "Proxmox VE: a double at $PVE_ENDPOINT"
}

# The double's first line says where it listens; the token is the seed's first.
double_read() {
  local line='' end=$((SECONDS + DOUBLE_SECONDS)) log=$DEMO/log/fakepve.log
  until line=$(grep -m1 '^{.*"ctl"' "$log" 2>/dev/null); do
    if [ $SECONDS -ge $end ] || ! process_alive "$DEMO" fakepve; then
      tail -n 20 "$log" >&2
      fail "the double did not come up; its log: $log"
    fi
    sleep 0.1
  done
  # shellcheck disable=SC2034 # read by up.sh
  { read -r PVE_ENDPOINT && read -r PVE_CTL && read -r PVE_FINGERPRINT && read -r PVE_TOKEN_ID && read -r PVE_TOKEN_SECRET; } < <(
    python3 - "$DOUBLE_SEED" 3<<<"$line" <<'PYTHON'
import json, sys
with open(3) as line, open(sys.argv[1]) as seed:
    double, token = json.load(line), next(iter(json.load(seed)["tokens"].items()))
print(double["url"], double["ctl"], double["fingerprint"], *token, sep="\n")
PYTHON
  ) || fail "the double's first line or its seed's tokens cannot be read: $line"
}
