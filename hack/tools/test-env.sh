# Sourced by the test-*.sh beside it: the tree's root as working directory, the options of cargo, the programs that tests start.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
locked=()
[ "${CI:-}" != true ] || locked=(--locked)

# needs WHAT TITLE COMMAND...: ends the script where something cannot be had here (77), which is no failure unless CI is true.
needs() {
  local what=$1 status=0
  shift
  hack/tools/step.sh "$@" || status=$?
  if [ $status = 77 ]; then
    echo "== SKIPPED: $what (see above)"
    exit 0
  fi
  [ $status = 0 ] || exit $status
}

# built NAME: the path of a program that cargo built.
built() { realpath "${CARGO_TARGET_DIR:-$root/target}/debug/$1"; }
