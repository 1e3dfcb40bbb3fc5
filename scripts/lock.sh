#!/usr/bin/env bash
# Resolve the dependencies anew into lock/: exact versions with hashes, no addresses. Needs uv (pip install uv).
#   lock/run.txt   what the program needs, and the backend that builds it
#   lock/dev.txt   the same, the extras, and what the tests and linters need
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
    --no-emit-index-url --no-emit-find-links "$@"
}
printf 'hatchling\neditables\n' >lock/build.in
trap 'rm -f lock/build.in' EXIT
compile --extra parquet --extra pybloom --group dev pyproject.toml lock/build.in -o lock/dev.txt
compile pyproject.toml lock/build.in --constraint lock/dev.txt -o lock/run.txt
! grep -nE '(https?|file)://' lock/*.txt
