#!/usr/bin/env bash
# Set up (the first time) and run the main job.
#   scripts/run.sh                                        a first look: Paris attractions
#   scripts/run.sh --topic "Jazz musicians" --producers 3 any options of `orchestrator`
#   scripts/run.sh plan --topic "Jazz musicians"          what it would take, after a pilot of a few calls
#   scripts/run.sh export "Paris attractions" --format csv
# Without an API key in the environment or .env the small real model on this machine answers (--provider local).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$here/scripts/build.sh"
orchestrator=$here/.venv/bin/orchestrator

case "${1:-}" in
  export|merges|rejected|--help|-h|--version) exec "$orchestrator" "$@" ;;
esac
arguments=("$@")
has() { local word; for word in "${arguments[@]:-}"; do case "$word" in "$1"|"$1"=*) return 0 ;; esac; done; return 1; }
if ! has --topic; then
  arguments+=(--topic "Paris attractions")
  [ "${1:-}" = plan ] || arguments+=(--iterations 4)
fi
if ! has --provider && ! "$here/.venv/bin/python" -P -m orchestrator.configured; then
  echo "[run] no API key is set: using the small real model on this machine (--provider local)" >&2
  arguments+=(--provider local)
fi
exec "$orchestrator" "${arguments[@]}"
