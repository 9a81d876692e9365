#!/usr/bin/env bash
# `make demo-down`: ends what `make demo` started and removes its state; the logs stay in .demo/log. Idempotent.
set -euo pipefail

DEMO_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$DEMO_HOME/../.." && pwd)
for part in cluster/lib/processes demo/lib/common; do
  # shellcheck source=/dev/null
  . "$ROOT/hack/$part.sh"
done

main() {
  if [ ! -d "$DEMO" ]; then
    say "nothing to end"
    return
  fi
  exec 7>"$DEMO/lock"
  flock -n 7 || fail "a make demo is at work in $DEMO: interrupt it first"
  demo_stop
  say "ended; its logs are in ${DEMO#"$ROOT/"}/log, and \`make clean-demo\` removes them, too"
}

main "$@"; exit # on one line: bash reads a script while it runs, and an edit meanwhile must not be read on
