# shellcheck shell=bash
# Messages and exits. stdout belongs to answers (a path, a name); everything said to a person goes to stderr.

# What `up` and `run` exit with when a tier cannot be had here and CI is not true.
readonly EXIT_SKIPPED=77

log() { echo "cluster: $*" >&2; }

die() {
  log "$*"
  exit 1
}

# A tier that is missing must not look like a pass: an error in CI, loud elsewhere.
unavailable() {
  log "################################################################"
  log "# NOT AVAILABLE HERE: $*"
  log "################################################################"
  [ "${CI:-}" != true ] || die "CI=true: that is a failure"
  exit $EXIT_SKIPPED
}

milliseconds() { date +%s%3N; }
