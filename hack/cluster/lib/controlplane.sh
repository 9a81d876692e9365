# shellcheck shell=bash
# A control plane as plain processes on 127.0.0.1: etcd, kube-apiserver and, in the tier `controllers`,
# kube-controller-manager. In the tier `pods` they run inside the node's namespaces (node.sh). Starting again what died
# keeps the data.

# shellcheck disable=SC2034 # certs.sh reads SERVICE_IP
readonly SERVICE_NETWORK=10.96.0.0/16 SERVICE_IP=10.96.0.1 # names inside the API only; without a node nothing routes them
readonly READY_SECONDS=120

# controlplane_up DIR TIER: starts what does not run yet. `binary NAME` gives the path of a binary.
controlplane_up() {
  local dir=$1 tier=$2 start
  start=$(milliseconds)
  [ ! -d "$dir/node" ] || tier=pods # the other tiers are parts of it
  if [ "$tier" = pods ]; then
    [ ! -e "$dir/run/etcd" ] || die "another tier is up in $dir: run down first"
    node_up "$dir"
  else
    controlplane_start "$dir" "$tier"
  fi
  log "tier $tier is up after $(($(milliseconds) - start)) ms"
}

# controlplane_start DIR TIER
controlplane_start() {
  local dir=$1 tier=$2
  certs_make "$dir/pki"
  process_alive "$dir" etcd || etcd_start "$dir"
  process_alive "$dir" kube-apiserver || apiserver_start "$dir" "$tier"
  if [ "$tier" != api ] && ! process_alive "$dir" kube-controller-manager; then
    controller_manager_start "$dir"
  fi
}

controlplane_down() {
  node_down "$1"
  process_stop "$1" kube-controller-manager KILL # no grace: the data goes too
  process_stop "$1" kube-apiserver KILL
  process_stop "$1" etcd KILL
}

# etcd speaks on unix sockets in its own directory: no port to lose, nobody else on the machine can connect. They are
# named relative to the working directory, for a socket's path may have 107 bytes only.
etcd_start() {
  local socket=unix://etcd.sock:0 peer=unix://etcd-peer.sock:0
  rm -f "$1"/*.sock:0
  process_start "$1" etcd env -C "$1" "$(binary etcd)" --name=zentoria --data-dir=etcd --unsafe-no-fsync \
    --log-level=warn --listen-client-urls=$socket --advertise-client-urls=$socket \
    --listen-peer-urls=$peer --initial-advertise-peer-urls=$peer --initial-cluster=zentoria=$peer
}

# The API server takes no port 0, so a port is guessed, and guessed again when somebody else was faster.
apiserver_start() {
  local dir=$1 tier=$2 attempt port
  for attempt in 1 2 3 4 5 6 7 8; do
    if [ "$attempt" = 1 ] && [ -s "$dir/port" ]; then port=$(cat "$dir/port"); else port=$(free_port); fi
    kubeconfig_write "$dir/pki" admin "$port" "$dir/kubeconfig"
    kubeconfig_write "$dir/pki" controller-manager "$port" "$dir/controller-manager.kubeconfig"
    rm -f "$dir/log/kube-apiserver.log"
    apiserver_exec "$dir" "$port" "$tier"
    if wait_ready "$dir" kube-apiserver get --raw /readyz; then
      echo "$port" >"$dir/port"
      return 0
    fi
    grep -q 'address already in use' "$dir/log/kube-apiserver.log" || controlplane_failed "$dir" kube-apiserver
  done
  die "no free port found for the API server in $attempt attempts"
}

apiserver_exec() {
  local dir=$1 port=$2 tier=$3 extra network
  read -ra extra <<<"${ZENTORIA_CLUSTER_APISERVER_ARGS:-}"
  # An endpoint may not be a loopback address, so without a node there is none to publish: reconciler none.
  network=(--bind-address=127.0.0.1 --advertise-address=127.0.0.1 --endpoint-reconciler-type=none --authorization-mode=RBAC)
  # shellcheck disable=SC2054 # the commas are in the values
  # With a node it listens in the node's network namespace, and speaks to the kubelet by its address.
  [ "$tier" != pods ] || network=(--bind-address=0.0.0.0 --advertise-address="$NODE_IP" --authorization-mode=Node,RBAC
    --enable-admission-plugins=NodeRestriction --kubelet-preferred-address-types=InternalIP
    --kubelet-certificate-authority=pki/ca.crt --kubelet-client-certificate=pki/kubelet-client.crt
    --kubelet-client-key=pki/kubelet-client.key)
  process_start "$dir" kube-apiserver env -C "$dir" "$(binary kube-apiserver)" "${network[@]}" --secure-port="$port" \
    --etcd-servers=unix://etcd.sock:0 --allow-privileged=true --profiling=false \
    --client-ca-file=pki/ca.crt --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file=pki/service-account.pub --service-account-signing-key-file=pki/service-account.key \
    --service-cluster-ip-range=$SERVICE_NETWORK "${extra[@]}"
}

controller_manager_start() {
  local dir=$1
  process_start "$dir" kube-controller-manager env -C "$dir" "$(binary kube-controller-manager)" \
    --kubeconfig=controller-manager.kubeconfig --leader-elect=false --secure-port=0 --profiling=false \
    --use-service-account-credentials=true --service-account-private-key-file=pki/service-account.key \
    --root-ca-file=pki/ca.crt --cluster-signing-cert-file=pki/ca.crt --cluster-signing-key-file=pki/ca.key
  wait_ready "$dir" kube-controller-manager -n default get serviceaccount default ||
    controlplane_failed "$dir" kube-controller-manager
}

# wait_ready DIR NAME KUBECTL-ARGUMENTS...: false when the process ends before kubectl succeeds, or time is up.
wait_ready() {
  local dir=$1 name=$2 end=$((SECONDS + READY_SECONDS))
  shift 2
  until "$(binary kubectl)" --kubeconfig="$dir/kubeconfig" --request-timeout=5s "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] && process_alive "$dir" "$name" || return 1
    [ ! -e "$dir/run/etcd" ] || process_alive "$dir" etcd || return 1
    sleep 0.1
  done
}

controlplane_failed() {
  local name=etcd
  ! process_alive "$1" etcd || name=$2
  tail -n 20 "$1/log/$name.log" >&2
  if process_alive "$1" "$name"; then die "$name is not ready within $READY_SECONDS s; its log: $1/log/$name.log"; fi
  die "$name ended; its log: $1/log/$name.log"
}

# Below the kernel's range for port 0 and outgoing connections, so that only another guesser can be in the way.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 9000))
    if ! grep -qi "$(printf ':%04X [0-9A-F]*:0000 0A' $port)" /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
      echo $port
      return
    fi
  done
}
