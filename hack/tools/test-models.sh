#!/usr/bin/env bash
# The tests of operator/models: its drivers against a real Ollama that pulls from a real registry, a real sshd with the real
# Hugging Face client and faster-whisper, and doubles of what cannot be had.
# usage: test-models.sh [TEST-NAME...]     ZENTORIA_TEST_THREADS: how many at once (4: most of them wait)
# A component that cannot be had here is said, and its tests are skipped; with CI=true that is a failure.
set -euo pipefail

# shellcheck source=hack/tools/test-env.sh
. "$(dirname "${BASH_SOURCE[0]}")/test-env.sh"

for name in ollama docker-registry whisper sshd; do
  hack/tools/components.sh "$name" >/dev/null || [ $? = 77 ]
done
hack/tools/step.sh "tests of the clients of model servers" cargo test "${locked[@]}" -p zentoria-models --no-fail-fast -- \
  --test-threads="${ZENTORIA_TEST_THREADS:-4}" "$@"
