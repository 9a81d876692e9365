# shellcheck shell=bash
# Root file systems without a container engine: programs with the shared libraries that they name, and nothing else.
#
# A script sources this, calls rootfs_begin, adds, and the directory is the image. The libraries are those of the machine
# that builds (a Debian, also inside the Dockerfiles), so a rootfs is for its architecture.

IMAGES_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
COMPONENTS=$IMAGES_HOME/hack/tools/components.sh

rootfs_die() {
  echo "rootfs: $*" >&2
  exit 1
}

# rootfs_begin DIR: an empty one, with what every program expects to find.
rootfs_begin() {
  ROOTFS=$1
  [ -n "$ROOTFS" ] || rootfs_die "usage: $0 DIRECTORY"
  [ ! -e "$ROOTFS" ] || [ -z "$(ls -A "$ROOTFS")" ] || rootfs_die "$ROOTFS is there and not empty"
  umask 022
  mkdir -p "$ROOTFS"/{etc,usr/bin,usr/lib,usr/local/bin,tmp,proc,sys,dev,run}
  chmod 1777 "$ROOTFS/tmp"
  ln -s usr/bin "$ROOTFS/bin"
  ln -s usr/lib "$ROOTFS/lib"
  ln -s usr/lib "$ROOTFS/lib64"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' >"$ROOTFS/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$ROOTFS/etc/group"
  printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$ROOTFS/etc/nsswitch.conf"
}

# rootfs_user NAME ID HOME
rootfs_user() {
  echo "$1:x:$2:$2:$1:$3:/sbin/nologin" >>"$ROOTFS/etc/passwd"
  echo "$1:x:$2:" >>"$ROOTFS/etc/group"
}

# The authorities that this machine trusts, for servers with certificates of public ones.
rootfs_authorities() {
  local bundle=/etc/ssl/certs/ca-certificates.crt
  [ -s $bundle ] || rootfs_die "$bundle is missing (Debian: apt-get install ca-certificates)"
  install -D -m 644 $bundle "$ROOTFS$bundle"
}

# rootfs_program FILE [PATH]: a program and its libraries; PATH in the rootfs is /usr/bin/NAME by default.
rootfs_program() {
  local path=${2:-/usr/bin/$(basename "$1")}
  [ -f "$1" ] || rootfs_die "$1 is not there"
  install -D -m 755 "$1" "$ROOTFS$path"
  rootfs_libraries "$1" "$(dirname "$1")"
}

# rootfs_tree DIR PATH [OWN]: a whole directory, links as they are, and the libraries that its programs need beside what
# lies under OWN (default: DIR).
rootfs_tree() {
  local file own=${3:-$1}
  mkdir -p "$ROOTFS$2"
  cp -a "$1/." "$ROOTFS$2/"
  while IFS= read -r -d '' file; do rootfs_libraries "$file" "$own"; done < <(
    find "$1" -type f \( -perm -u+x -o -name '*.so*' \) -print0
  )
}

# rootfs_libraries FILE OWN: what the dynamic linker finds for the file, less what lies under OWN. Nothing for static
# programs and scripts.
rootfs_libraries() {
  local line name found library
  rootfs_dynamic "$1" || return 0
  while read -r line; do
    case $line in
      *'not found'*) rootfs_die "$1 needs a library that this machine lacks: $line" ;;
      *'=>'*'('*) name=${line%% *} found=${line#*=> } ;;
      /*'('*) name=${line%% *} found=$line ;; # the dynamic linker, by its path
      *) continue ;;
    esac
    found=${found%% (*}
    case $(realpath "$found") in "$(realpath "$2")"/*) continue ;; esac
    library=$ROOTFS/usr/lib/$(basename "$name")
    [ -e "$library" ] || install -m 755 "$found" "$library"
  done < <(LC_ALL=C ldd "$1")
}

rootfs_dynamic() { LC_ALL=C ldd "$1" >/dev/null 2>&1; }

# rootfs_component NAME: the path of a pinned component (hack/tools/components.sh says which there are).
rootfs_component() {
  "$COMPONENTS" "$1"
}

# rootfs_shell: a small shell with the usual tools, for images that start by a script and for people who look inside.
rootfs_shell() {
  local program
  rootfs_program "$(command -v dash)" /usr/bin/sh
  for program in cat chmod cp date head id ls mkdir mv rm sleep stat tail; do rootfs_program "$(type -P $program)"; done
}
