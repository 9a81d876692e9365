#!/usr/bin/env bash
# lint.sh deny|shell: the checks whose tools install.sh provides.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$(hack/tools/install.sh):$PATH
case ${1:-} in
  deny) cargo deny --log-level warn check --hide-inclusion-graph bans licenses sources ;;
  shell)
    # Every file that is shell by its name or its first line.
    mapfile -t files < <(grep -rlIE --exclude-dir=target --exclude-dir=.git --exclude-dir=.demo \
      -e '^#!.*\bbash$' -e '^# shellcheck shell=bash' .ci hack images | sort)
    shellcheck --severity=warning "${files[@]}"
    echo "${#files[@]} scripts are fine"
    ;;
  *)
    echo "usage: lint.sh deny|shell" >&2
    exit 2
    ;;
esac
