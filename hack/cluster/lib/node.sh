# shellcheck shell=bash
# The tier `pods`: a control plane and one node in network, mount and process namespaces of their own, so that nothing of
# the machine is changed or met: not its routes, firewall, cgroups of others, sysctls or paths. The first process of
# the process namespace is the parent of all the others, every pod's among them: with it they end, and the mounts go.
#
# Outside there are that process (`node`) and one that forwards 127.0.0.1:PORT to the API server (`forward`).

readonly NODE_NAME=node1 NODE_IP=10.77.0.1 POD_NETWORK=10.88.0.0/24 NODE_SECONDS=180
readonly SANDBOX_IMAGE=localhost/zentoria-sandbox:1 CONTAINERD_SOCKET=/run/containerd/containerd.sock

# What the machine must have before anything is built or started.
node_check() {
  local name missing=()
  [ "$(id -u)" = 0 ] || unavailable "tier pods runs containers, which takes root"
  for name in runc nft ip unshare nsenter; do command -v $name >/dev/null || missing+=("$name"); done
  [ ${#missing[@]} -eq 0 ] ||
    unavailable "tier pods: ${missing[*]} missing (Debian: apt-get install runc nftables iproute2 util-linux)"
  unshare --net --mount --pid --fork --kill-child true 2>/dev/null ||
    unavailable "tier pods: this machine does not let root make network, mount and process namespaces"
}

# --- outside -------------------------------------------------------------------------------------------------------

# node_up DIR: leaves DIR/kubeconfig.
node_up() {
  local dir=$1 file port exposed=()
  if ! process_alive "$dir" node; then
    for file in "$dir"/run/expose-*; do [ ! -e "$file" ] || exposed+=("${file##*-}"); done
    node_down "$dir" # what outlived it: forwarders hold on to its network namespace
    mkdir -p "$dir/node"
    rm -rf "$dir/node/run" "$dir/node/log" "$dir/node/ready" "$dir/log/node.log"
    process_start "$dir" node env ZENTORIA_CLUSTER_STATE="$dir" PROVIDER="$PROVIDER" \
      unshare --net --mount --pid --fork --kill-child --mount-proc bash "$CLUSTER_HOME/cluster.sh" _node
  fi
  wait_file "$dir" node "$dir/node/ready" || {
    tail -n 20 "$dir/log/node.log" >&2
    die "the node did not come up within $NODE_SECONDS s; its logs: $dir/log/node.log, $dir/node/log"
  }
  process_alive "$dir" forward || forward_start "$dir"
  for port in "${exposed[@]}"; do node_expose "$dir" "$port"; done
}

# wait_file DIR NAME FILE: false when the process ends before there is the file, or time is up.
wait_file() {
  local end=$((SECONDS + NODE_SECONDS))
  until [ -e "$3" ]; do
    [ $SECONDS -lt $end ] && process_alive "$1" "$2" || return 1
    sleep 0.1
  done
}

# The first process inside, by its number outside: the only child of `unshare`.
node_init() {
  local parent _ init
  process_alive "$1" node || return 1
  read -r parent _ <"$1/run/node"
  read -r init _ <"/proc/$parent/task/$parent/children" || true # the list has no end of line
  [ -n "$init" ] && echo "$init"
}

# The API server under a free port of 127.0.0.1; another is guessed when somebody was faster.
forward_start() {
  local dir=$1 attempt port init
  init=$(node_init "$dir") || die "the node ended; its log: $dir/log/node.log"
  for attempt in 1 2 3 4 5 6 7 8; do
    if [ "$attempt" = 1 ] && [ -s "$dir/port" ]; then port=$(cat "$dir/port"); else port=$(free_port); fi
    if expose_start "$dir" forward "127.0.0.1:$port" "" "127.0.0.1:$(cat "$dir/node/port")" "/proc/$init/ns/net"; then
      echo "$port" >"$dir/port"
      kubeconfig_write "$dir/node/pki" admin "$port" "$dir/kubeconfig"
      wait_ready "$dir" forward get --raw /readyz || die "the API server of the node does not answer; log: $dir/log/forward.log"
      return 0
    fi
  done
  die "no free port found for the API server in $attempt attempts"
}

# expose_start DIR NAME LISTEN LISTEN-NAMESPACE DIAL DIAL-NAMESPACE: a forwarder; false where it cannot listen.
expose_start() {
  local dir=$1 name=$2
  rm -f "$dir/log/$name.log"
  process_start "$dir" "$name" "$(binary helper)" forward -listen "$3" -listen-netns "$4" -dial "$5" -dial-netns "$6"
  until grep -q '^listening' "$dir/log/$name.log" 2>/dev/null; do
    process_alive "$dir" "$name" || return 1
    sleep 0.05
  done
}

# node_expose DIR PORT: what listens on 127.0.0.1:PORT of this machine, pods reach at $NODE_IP:PORT, and the API server,
# for webhooks, at 127.0.0.1:PORT.
node_expose() {
  local dir=$1 port=$2 init
  init=$(node_init "$dir") || die "no tier pods is up in $dir"
  [[ $port =~ ^[0-9]+$ ]] || die "expose takes a port"
  process_alive "$dir" "expose-$port" && return 0
  expose_start "$dir" "expose-$port" "$NODE_IP:$port,127.0.0.1:$port" "/proc/$init/ns/net" "127.0.0.1:$port" "" || {
    tail -n 3 "$dir/log/expose-$port.log" >&2
    die "port $port is not exposed"
  }
}

# node_image DIR ARCHIVE: an image that pods can name.
node_image() {
  local dir=$1 archive=$2 init log=$1/log/image.log
  init=$(node_init "$dir") || die "no tier pods is up in $dir"
  nsenter --target "$init" --mount --net "$(binary ctr)" --address $CONTAINERD_SOCKET -n k8s.io \
    images import --local --snapshotter overlayfs - <"$archive" >"$log" 2>&1 || {
    cat "$log" >&2
    die "the image cannot be imported"
  }
}

# Ends the node and all that is in it, and waits until the kernel has taken the pods' processes away.
node_down() {
  local dir=$1 file
  for file in "$dir"/run/expose-*; do [ ! -e "$file" ] || process_stop "$dir" "$(basename "$file")" KILL; done
  process_stop "$dir" forward KILL
  process_stop "$dir" node KILL
  [ ! -d "$dir/node" ] || node_cgroups_remove "$dir"
}

node_cgroup() { echo "zentoria-$(cksum <<<"$1" | cut -d' ' -f1)"; }

# Pods' processes end with the node's first one, and a cgroup can go once its last process is gone.
node_cgroups_remove() {
  local group end=$((SECONDS + 20)) tree
  group=$(node_cgroup "$1")
  for tree in /sys/fs/cgroup/"$group" /sys/fs/cgroup/*/"$group"; do
    while [ -d "$tree" ]; do
      find "$tree" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ -d "$tree" ] || break
      [ $SECONDS -lt $end ] || {
        log "a cgroup still has processes and is left: $tree"
        break
      }
      sleep 0.1
    done
  done
}

# --- inside --------------------------------------------------------------------------------------------------------

# node_main DIR: the first process of the namespaces; DIR is the instance's.
node_main() {
  local group name dir=$1/node
  group=$(node_cgroup "$1")
  node_mounts "$dir"
  node_sysctls "$dir"
  node_network
  node_cgroups "$group"
  controlplane_start "$dir" pods
  for name in scheduler kubelet kube-proxy; do
    kubeconfig_write "$dir/pki" $name "$(cat "$dir/port")" "$dir/$name.kubeconfig"
  done
  containerd_start "$dir"
  sandbox_image "$dir"
  coredns_start "$dir"
  kubelet_start "$dir" "$group"
  kube_proxy_start "$dir"
  process_start "$dir" kube-scheduler "$(binary kube-scheduler)" --kubeconfig="$dir/scheduler.kubeconfig" \
    --leader-elect=false --secure-port=0 --profiling=false
  wait_ready "$dir" kubelet wait --for=condition=Ready "node/$NODE_NAME" --timeout=2s || controlplane_failed "$dir" kubelet
  for name in coredns kube-proxy kube-scheduler containerd; do
    process_alive "$dir" "$name" || controlplane_failed "$dir" "$name"
  done
  touch "$dir/ready"
  exec "$(binary helper)" pause # reaps whatever loses its parent, for as long as the node is there
}

# Paths that kubelet, containerd, CNI and runc have built in: private ones lie over them.
node_mounts() {
  local dir=$1 path
  mount --make-rprivate /
  mount -t tmpfs tmpfs /run
  for path in /var/lib /var/log; do
    mkdir -p "$dir$path"
    mount --bind "$dir$path" $path
  done
  mount --make-rshared / # pods' volumes are passed on from here
  mkdir -p /run/cni /run/containerd /run/lock
}

# kubelet sets these for the whole machine, unless they have its values already. So it reads files that do.
node_sysctls() {
  local name value
  mkdir -p "$1/sysctl"
  while read -r name value; do
    [ -e "/proc/sys/$name" ] || continue
    echo "$value" >"$1/sysctl/${name//\//.}"
    mount --bind "$1/sysctl/${name//\//.}" "/proc/sys/$name"
  done <<'SYSCTLS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SYSCTLS
}

# A bridge without ports holds the node's address, for not every kernel has dummy devices. Nothing routes outside.
node_network() {
  ip link set lo up
  ip link add node0 type bridge
  ip addr add $NODE_IP/24 dev node0
  ip link set node0 up
  echo 1 >/proc/sys/net/ipv4/ip_forward
}

# Version 1 has a tree per controller, and new cpusets are empty; kubelet makes the rest below.
node_cgroups() {
  local tree file
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$1"
    return
  fi
  for tree in /sys/fs/cgroup/*/; do
    [ "$tree" != /sys/fs/cgroup/unified/ ] || continue
    mkdir -p "$tree$1"
    [ ! -e "${tree}cpuset.cpus" ] || for file in cpuset.cpus cpuset.mems; do cat "$tree$file" >"$tree$1/$file"; done
  done
}

# The socket is at a fixed path of the private /run, for a socket's path may have 107 bytes only.
containerd_start() {
  local dir=$1
  cat >"$dir/cni.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "zentoria", "plugins": [{"type": "ptp", "ipMasq": false, "ipam": {
  "type": "host-local", "dataDir": "/run/cni-addresses",
  "ranges": [[{"subnet": "$POD_NETWORK"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
  cp "$dir/cni.conflist" /run/cni/10-zentoria.conflist
  cat >"$dir/containerd.toml" <<TOML
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$SANDBOX_IMAGE"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true # root without CAP_SYS_RESOURCE may not lower it
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["$(dirname "$(binary ptp)")"]
  conf_dir = "/run/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "$(command -v runc)"
  SystemdCgroup = false
TOML
  process_start "$dir" containerd env PATH="$(dirname "$(binary containerd-shim-runc-v2)"):$PATH" \
    "$(binary containerd)" --config "$dir/containerd.toml"
  local end=$((SECONDS + READY_SECONDS))
  until "$(binary ctr)" --address $CONTAINERD_SOCKET version >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] && process_alive "$dir" containerd || controlplane_failed "$dir" containerd
    sleep 0.1
  done
}

sandbox_image() {
  local dir=$1
  mkdir -p "$dir/sandbox"
  cp "$(binary helper)" "$dir/sandbox/helper"
  "$(binary helper)" image -name $SANDBOX_IMAGE -o "$dir/sandbox.tar" -entrypoint "/helper pause" "$dir/sandbox"
  "$(binary ctr)" --address $CONTAINERD_SOCKET -n k8s.io images import --local --snapshotter overlayfs "$dir/sandbox.tar" \
    >"$dir/log/sandbox.log" 2>&1 || controlplane_failed "$dir" sandbox
  rm -rf "$dir/sandbox" "$dir/sandbox.tar"
}

# There is no server above it: a foreign name is refused at once.
coredns_start() {
  local dir=$1
  cat >"$dir/Corefile" <<COREFILE
cluster.local:53 {
  errors
  kubernetes cluster.local {
    kubeconfig $dir/kubeconfig zentoria
  }
}
COREFILE
  process_start "$dir" coredns "$(binary coredns)" -conf "$dir/Corefile"
}

kubelet_start() {
  local dir=$1 group=$2
  : >"$dir/resolv.conf"
  cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $dir/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $dir/pki/kubelet-server.crt
tlsPrivateKeyFile: $dir/pki/kubelet-server.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
resolvConf: $dir/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /$group
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
healthzPort: 0
volumePluginDir: /var/lib/kubelet/volumeplugins
# A machine for tests may have a full disk; nothing is evicted for that.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 0%, imagefs.available: 0%, nodefs.inodesFree: 0%, imagefs.inodesFree: 0%}
syncFrequency: 10s
YAML
  process_start "$dir" kubelet "$(binary kubelet)" --config="$dir/kubelet.yaml" --kubeconfig="$dir/kubelet.kubeconfig" \
    --root-dir=/var/lib/kubelet --hostname-override=$NODE_NAME --node-ip=$NODE_IP
}

# The limits of connection tracking belong to the machine.
kube_proxy_start() {
  local dir=$1
  cat >"$dir/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: $NODE_NAME
clusterCIDR: $POD_NETWORK
clientConnection: {kubeconfig: $dir/kube-proxy.kubeconfig}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0}
YAML
  "$(binary kubectl)" --kubeconfig="$dir/kubeconfig" create clusterrolebinding zentoria-kube-proxy \
    --clusterrole=system:node-proxier --user=system:kube-proxy --dry-run=client -o yaml |
    "$(binary kubectl)" --kubeconfig="$dir/kubeconfig" apply --server-side -f - >/dev/null
  process_start "$dir" kube-proxy "$(binary kube-proxy)" --config="$dir/kube-proxy.yaml"
}
