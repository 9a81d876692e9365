#!/usr/bin/env bash
# components.sh NAME...: prints for each the path of a real component that tests run against, fetched once per version.
#
#   restic rest-server   the program, built from its Go module
#   rclone openbao       the program, out of a wheel
#   redis                directory of redis-server and redis-cli
#   postgres16 postgres17 postgres18
#                        directory of postgres, initdb, pg_dump, psql ...; 16 and 18 have pgvector, 17 has contrib
#   postgres-client16 postgres-client17
#                        archive (tar.gz) with bin and lib of the programs that connect, with TLS, for the image of the Jobs
#   sshd docker-registry the machine's own, or what its Debian suite has
#   ollama               the program, built from its Go module with the headers that the module's zip lacks
#   whisper              directory of python and hf: faster-whisper and the Hugging Face client
#
# What cannot be had here is said loudly, and the exit code is 77; with CI=true it is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/zentoria/components
python=${PYTHON:-python3}

log() { echo "components: $*" >&2; }

unavailable() {
  log "################################################################"
  log "# NOT AVAILABLE HERE: $*"
  log "################################################################"
  [ "${CI:-}" != true ] || { log "CI=true: that is a failure"; exit 1; }
  exit 77
}

# once KEY FUNCTION ARGUMENT...: the directory $cache/KEY, which FUNCTION fills (it is called with the directory first).
# Whole or not at all: it is filled under another name. One at a time; the others wait for it.
once() {
  local key=$1 fill=$2 stage lock
  shift 2
  if [ ! -d "$cache/$key" ]; then
    mkdir -p "$cache"
    exec {lock}>"$cache/.$key.lock"
    flock "$lock"
    if [ ! -d "$cache/$key" ]; then
      stage=$(mktemp -d "$cache/.$key.XXXXXX")
      chmod 755 "$stage"
      # not after `if` or `||`, where a failing line of the function would be passed over
      set +e
      (
        set -e
        "$fill" "$stage" "$@"
      ) >&2 {lock}>&-
      local status=$?
      set -e
      if [ $status -ne 0 ]; then
        rm -rf "$stage"
        exit $status
      fi
      mv "$stage" "$cache/$key"
    fi
    exec {lock}>&-
  fi
  echo "$cache/$key"
}

# Go sums of its module and what it needs are in components/NAME/go.sum.
fill_from_go() { # DIRECTORY NAME
  local module=$here/components/$2 package
  package=$(awk '$1 == "tool" { print $2 }' "$module/go.mod")
  log "building $2 (once: up to 5 minutes on 2 cores)"
  cd "$module"
  CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$1/$2" "$package"
}

from_go() { # NAME
  local key dir
  key=$1-$(cat "$here/components/$1"/go.* | sha256sum | cut -c1-12)
  [ -d "$cache/$key" ] || command -v go >/dev/null || unavailable "$1, for there is no Go to build it with"
  dir=$(once "$key" fill_from_go "$1")
  echo "$dir/$1"
}

fill_from_wheel() { # DIRECTORY REQUIREMENT PYTHON-VERSION
  log "fetching $2 (once)"
  # of one Python version, whatever this machine's is: only what is packed in it is of use
  "$python" -m pip download --quiet --disable-pip-version-check --no-input --no-deps --only-binary=:all: \
    --python-version "$3" --dest "$1" "$2"
  "$python" -m zipfile -e "$1"/*.whl "$1"
  rm "$1"/*.whl
}

from_wheel() { # NAME
  local name requirement inside version dir path
  read -r name requirement inside version < <(awk -v name="$1" '$1 == name' "$here/components/wheels.txt")
  dir=$(once "${requirement/==/-}" fill_from_wheel "$requirement" "${version:-3.11}")
  path=$dir/$inside
  [ -e "$path" ] || { log "$name: $requirement has no $inside"; exit 1; }
  # zip files that Python unpacks lose the mode
  if [ -d "$path" ]; then chmod -f a+rx "$path"/*; else chmod -f a+rx "$path"; fi
  echo "$path"
}

# Debian's packages, unpacked into DIRECTORY/root: nothing is installed or started.
unpack_debs() { # DIRECTORY PACKAGE...
  local dir=$1 deb
  shift
  mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/debs"
  local apt=(apt-get -qq -o "Dir::State::lists=$dir/lists" -o "Dir::Cache::archives=$dir/archives"
    -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o "APT::Sandbox::User=$(id -un)" -o "Debug::NoLocking=true")
  "${apt[@]}" update
  (cd "$dir/debs" && "${apt[@]}" download "$@")
  for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
  rm -rf "$dir/lists" "$dir/archives" "$dir/debs"
}

fill_sshd() { # DIRECTORY
  log "fetching sshd (once)"
  unpack_debs "$1" openssh-server openssh-sftp-server openssh-client libwrap0
  cat >"$1/sshd" <<'SCRIPT'
#!/bin/sh
# sshd starts itself again by its absolute path.
here=$(dirname "$(readlink -f "$0")")/root
for dir in "$here"/usr/lib/*-linux-gnu "$here"/lib/*-linux-gnu; do LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$dir; done
export LD_LIBRARY_PATH
exec "$here/usr/sbin/sshd" "$@"
SCRIPT
  chmod 755 "$1/sshd"
}

fill_docker-registry() { # DIRECTORY
  log "fetching docker-registry (once)"
  unpack_debs "$1" docker-registry
  ln -s root/usr/bin/docker-registry "$1/docker-registry"
}

need_debian() { # WHAT
  { command -v apt-get && command -v dpkg-deb; } >/dev/null || unavailable "$1"
}

from_machine_or_debian() { # NAME
  local path dir
  path=$(PATH=$PATH:/usr/sbin:/sbin type -P "$1") || true
  if [ -z "$path" ]; then
    [ -d "$cache/$1" ] || need_debian "$1: please install it"
    dir=$(once "$1" "fill_$1")
    path=$dir/$1
  fi
  echo "$path"
}

# Zips of Go modules leave out directories named `vendor`, and with them three sets of C headers.
fill_ollama() { # DIRECTORY
  local headers=$1/headers audio
  log "building ollama (once: up to 10 minutes on 2 cores)"
  unpack_debs "$headers" nlohmann-json3-dev libstb-dev
  cd "$here/components/ollama"
  export GOWORK=off GOFLAGS=-mod=readonly
  go mod download github.com/gen2brain/malgo
  audio=$(go list -m -f '{{.Dir}}' github.com/gen2brain/malgo)
  mkdir -p "$headers/root/usr/include/miniaudio"
  install -m 644 "$audio/miniaudio.h" "$headers/root/usr/include/miniaudio/"
  CGO_ENABLED=1 CGO_CPPFLAGS=-I$headers/root/usr/include nice -n 10 go build -p 1 -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/ollama/ollama/version.Version=$(ollama_version)" -o "$1/ollama" github.com/ollama/ollama
  rm -rf "$headers"
}

ollama_version() {
  awk '$1 == "github.com/ollama/ollama" { sub("^v", "", $2); print $2 }' "$here/components/ollama/go.mod"
}

ollama() {
  local key dir
  key=ollama-$(ollama_version)-$(cat "$here/components/ollama"/go.* | sha256sum | cut -c1-12)
  if [ ! -d "$cache/$key" ]; then
    { command -v go && command -v c++; } >/dev/null || unavailable "ollama, for there is no Go or no C++ to build it with"
    need_debian "ollama, for the headers to build it with are Debian's"
  fi
  dir=$(once "$key" fill_ollama)
  echo "$dir/ollama"
}

# Its scripts name the directory that they are in: that of `once` is not the one they stay in.
fill_whisper() { # DIRECTORY FINAL-DIRECTORY
  log "fetching faster-whisper and the Hugging Face client (once)"
  "$python" -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$here/components/whisper.txt"
  grep -rlIF "$1" "$1/bin" | while IFS= read -r script; do sed -i "s|$1|$2|g" "$script"; done
}

whisper() {
  local key
  key=whisper-$({
    "$python" -c 'import sys; print(sys.version_info[:2])'
    cat "$here/components/whisper.txt"
  } | sha256sum | cut -c1-12)
  echo "$(once "$key" fill_whisper "$cache/$key")/bin"
}

[ $# -gt 0 ] || { echo "usage: components.sh NAME..." >&2; exit 2; }
for name in "$@"; do
  case $name in
    restic | rest-server) from_go "$name" ;;
    rclone | openbao | redis | postgres16 | postgres17 | postgres18 | postgres-client16 | postgres-client17) from_wheel "$name" ;;
    sshd | docker-registry) from_machine_or_debian "$name" ;;
    ollama) ollama ;;
    whisper) whisper ;;
    *)
      echo "components.sh: no component $name" >&2
      exit 2
      ;;
  esac
done
