# shellcheck shell=bash
# The estate: manifests/zentoria.yaml, applied and watched until every container of it is Ready.

readonly ESTATE_SECONDS=${ZENTORIA_DEMO_SECONDS:-180}

estate_apply() {
  say "kubectl apply -f manifests/zentoria.yaml"
  ESTATE_APPLIED=$(date +%s%3N)
  if [ "$PVE_KIND" = double ]; then
    kubectl apply -f "$ESTATE_MANIFEST" | indent
  else
    kubectl apply -f "$ESTATE_MANIFEST" --dry-run=client -o json |
      python3 "$DEMO_HOME/lib/real_pve.py" "$PVE_ENDPOINT" "$PVE_FINGERPRINT" "${ZENTORIA_DEMO_MODE:-Observe}" |
      kubectl apply -f - | indent
  fi
}

# One line per container: name, Ready (True only when it speaks of the current generation), reason, message.
estate_states() {
  local ready='.status.conditions[?(@.type=="Ready")]'
  kubectl get zc -n "$ESTATE_NAMESPACE" -o jsonpath="{range .items[*]}{.metadata.name}{'\t'}{.metadata.generation}{'\t'}\
{.status.observedGeneration}{'\t'}{$ready.status}{'\t'}{$ready.reason}{'\t'}{$ready.message}{'\n'}{end}" |
    awk -F '\t' -v OFS='\t' '{ print $1, ($2 == $3 && $4 == "True") ? "True" : "False", $5, $6 }'
}

# Shows each container as it gets Ready. In Observe nothing is created, so nothing is waited for.
estate_wait() {
  local want states name ready _ end=$((SECONDS + ESTATE_SECONDS)) count=0
  local -A seen=()
  if [ "$PVE_KIND" = real ] && [ "${ZENTORIA_DEMO_MODE:-Observe}" = Observe ]; then
    kubectl wait --for=condition=Ready --timeout=60s pxc --all || true
    return
  fi
  want=$(grep -c '^kind: ZentoriaContainer' "$ESTATE_MANIFEST")
  say "waiting for $want containers (at most $ESTATE_SECONDS s)"
  while :; do
    states=$(estate_states || true)
    count=0
    while IFS=$'\t' read -r name ready _; do
      [ "$ready" = True ] || continue
      count=$((count + 1))
      [ -z "${seen[$name]:-}" ] || continue
      seen[$name]=yes
      printf '    %5s s  %-28s Ready (%d of %d)\n' "$(elapsed "$ESTATE_APPLIED")" "$name" ${#seen[@]} "$want"
    done <<<"$states"
    [ "$count" -lt "$want" ] || break
    process_alive "$DEMO" operator || estate_failed "the operator ended" "$states"
    [ $SECONDS -lt $end ] || estate_failed "$count of $want containers are Ready after $ESTATE_SECONDS s" "$states"
    sleep 0.5
  done
  say "all $want containers are Ready, $(elapsed "$ESTATE_APPLIED") s after kubectl apply"
  # The cluster's own row is counted at the next poll, up to 10 s later.
  kubectl wait pxc --all --for=jsonpath='{.status.guests.managed}'="$want" --timeout=30s >/dev/null || true
}

# The firewall of each guest was written before its first start; that it holds the matrix is looked at once more.
estate_filtered() {
  [ "$PVE_KIND" = double ] || return 0
  say "waiting until every guest's firewall holds the matrix"
  kubectl wait zc --all -n "$ESTATE_NAMESPACE" --for=condition=FirewallEnforced --timeout=60s >/dev/null ||
    estate_failed "a firewall is not enforced (condition FirewallEnforced of its container)" "$(estate_states)"
  say "all firewalls are enforced, $(elapsed "$ESTATE_APPLIED") s after kubectl apply"
}

# The first rules of the matrix, and how many there are.
estate_rules() {
  local rules count
  rules=$(kubectl get fwr -n "$ESTATE_NAMESPACE" 2>/dev/null) || return 0
  count=$(($(wc -l <<<"$rules") - 1))
  head -n 9 <<<"$rules"
  [ "$count" -le 8 ] || echo "... and $((count - 8)) rules more (kubectl get fwr)"
}

estate_failed() {
  {
    echo "the operator's last lines:"
    tail -n 15 "$DEMO/log/operator.log" | indent
    echo "not Ready:"
    awk -F '\t' '$2 != "True" { printf "    %-28s %s  %s\n", $1, $3, $4 }' <<<"$2"
    kubectl get pxc || true
  } >&2
  fail "$1. All of it still runs: \`. ${DEMO#"$ROOT/"}/env\` to look at it, \`make demo-down\` to end it"
}

estate_show() {
  local name vmid node
  echo
  kubectl get pxc
  echo
  kubectl get zc
  echo
  estate_rules
  read -r name vmid node < <(
    kubectl get zc -n "$ESTATE_NAMESPACE" \
      -o jsonpath='{range .items[*]}{.metadata.name} {.status.vmid} {.status.node}{"\n"}{end}' | tail -n 1
  ) || true
  if [ "$PVE_KIND" = real ]; then
    echo
    say "a real Proxmox VE: manifests/README.md says what to do next; make demo-down ends what runs here"
    return
  fi
  cat <<TEXT

What to try next:
  . ${DEMO#"$ROOT/"}/env                        # kubectl, KUBECONFIG and the way to the Proxmox VE
  kubectl get zc -w                    # watch, while you do this in another terminal:

  # who may reach whom, and why
  kubectl zentoria can-connect zentoria-backend zentoria-db:5432
  kubectl zentoria can-connect zentoria-frontend zentoria-db:5432
  kubectl zentoria matrix --html matrix.html
  hack/demo/pve GET /nodes/$node/lxc/$vmid/firewall/rules

  # change it in Kubernetes, and the guest follows in place
  kubectl patch zc $name --type merge -p '{"spec":{"resources":{"memory":"3Gi"}}}'
  hack/demo/pve GET /nodes/$node/lxc/$vmid/config

  # change it behind the operator's back, and it is put right
  hack/demo/pve PUT /nodes/$node/lxc/$vmid/config memory=64

  # destroy a guest by hand: the operator says so and, by default, waits for you (spec.onMissing)
  hack/demo/pve DELETE '/nodes/$node/lxc/$vmid?force=1'
  kubectl patch zc $name --type merge -p '{"spec":{"onMissing":"Recreate"}}'

  # the models of the plan wait for an Ollama at 10.10.40.5; one of the demo's own is pulled where there is one
  kubectl get mp -w

  # make the operator look away, and look again
  kubectl annotate zc $name zentoria.ai/paused=true
  kubectl annotate zc $name zentoria.ai/paused-

  make demo-down                       # ends all of it
TEXT
}
