# shellcheck shell=bash
# The certificates and kubeconfigs of one instance that runs as plain processes. Needs OpenSSL 3.

readonly CERT_DAYS=30

cert_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }

# cert_issue NAME SUBJECT USAGE: a leaf of the instance's CA in the current directory.
cert_issue() {
  cert_key "$1"
  openssl req -x509 -new -key "$1.key" -CA ca.crt -CAkey ca.key -subj "$2" -days $CERT_DAYS -out "$1.crt" \
    -addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$3" \
    -addext "subjectAltName=DNS:localhost,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$SERVICE_IP,IP:$NODE_IP"
}

# certs_make DIR: the CA, the API server, the clients, the node and the key of service account tokens.
certs_make() {
  [ ! -e "$1/complete" ] || return 0
  mkdir -p "$1"
  (
    cd "$1" && umask 077
    cert_key ca
    openssl req -x509 -new -key ca.key -subj /CN=zentoria-cluster -days $CERT_DAYS -out ca.crt \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    cert_issue apiserver /CN=kube-apiserver serverAuth
    cert_issue admin /O=system:masters/CN=admin clientAuth
    cert_issue controller-manager /CN=system:kube-controller-manager clientAuth
    cert_issue scheduler /CN=system:kube-scheduler clientAuth
    cert_issue kube-proxy /CN=system:kube-proxy clientAuth
    cert_issue kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" clientAuth
    cert_issue kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
    cert_issue kubelet-server "/CN=system:node:$NODE_NAME" serverAuth
    cert_key service-account
    openssl pkey -in service-account.key -pubout -out service-account.pub
    touch complete
  ) || die "openssl could not make the certificates in $1 (version 3 is needed)"
}

# kubeconfig_write PKI-DIR CLIENT PORT FILE
kubeconfig_write() {
  local pki=$1 client=$2 port=$3 file=$4
  (
    umask 077
    cat >"$file.new" <<YAML
apiVersion: v1
kind: Config
current-context: zentoria
contexts:
- name: zentoria
  context: {cluster: zentoria, user: $client}
clusters:
- name: zentoria
  cluster:
    server: https://127.0.0.1:$port
    certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
users:
- name: $client
  user:
    client-certificate-data: $(base64 -w0 "$pki/$client.crt")
    client-key-data: $(base64 -w0 "$pki/$client.key")
YAML
    mv "$file.new" "$file"
  )
}
