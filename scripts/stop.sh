#!/usr/bin/env bash
# Stop the web page that scripts/start.sh started, and only that, within 20 seconds. Everything found is kept.
#   scripts/stop.sh [--output DIR]     DIR where it was started with --output
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ -x "$here/.venv/bin/python" ] || { echo "nothing is set up here, so nothing runs" >&2; exit 0; }
exec "$here/.venv/bin/python" -P -m orchestrator.service.background stop "$@"
