#!/usr/bin/env bash
# Set up everything that the tests need and run them all. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/build.sh --dev
exec .venv/bin/python -m pytest "$@"
