#!/usr/bin/env bash
# step.sh TITLE COMMAND...: says what runs, and how long it took.
set -uo pipefail

title=$1 start=$(date +%s%3N) status=0
shift
echo "== $title"
"$@" || status=$?
tenths=$((($(date +%s%3N) - start) / 100))
case $status in
  0) verdict=ok ;;
  77) verdict=SKIPPED ;; # what cluster.sh says where a control plane cannot be had
  *) verdict="FAILED (exit $status)" ;;
esac
echo "== $title: $verdict, $((tenths / 10)).$((tenths % 10)) s"
exit $status
