#!/usr/bin/env bash
# Set up (the first time) and start the web page in the background; scripts/stop.sh stops it.
#   scripts/start.sh                                    http://localhost:8080, topics in ./output
#   scripts/start.sh --port 9000 --log-level debug      any options of `orchestrator` but --topic
# Without an API key in the environment or .env topics use the small real model on this machine (--provider local).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$here/scripts/build.sh"
arguments=("$@")
has() { local word; for word in "${arguments[@]:-}"; do case "$word" in "$1"|"$1"=*) return 0 ;; esac; done; return 1; }
if ! has --provider && ! "$here/.venv/bin/python" -P -m orchestrator.configured; then
  echo "[start] no API key is set: topics use the small real model on this machine (--provider local)" >&2
  arguments+=(--provider local)
fi
exec "$here/.venv/bin/python" -P -m orchestrator.service.background start "${arguments[@]}"
