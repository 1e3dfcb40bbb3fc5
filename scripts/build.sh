#!/usr/bin/env bash
# Set up .venv with the locked dependencies and this project in it. Quick when nothing has changed.
#   scripts/build.sh            what running needs
#   scripts/build.sh --dev      and what the tests and linters need
#   scripts/build.sh --wheel    and build dist/*.whl
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lock=lock/run.txt wheel=
for word in "$@"; do
  case "$word" in
    --dev) lock=lock/dev.txt ;;
    --wheel) wheel=1 ;;
    *) echo "usage: scripts/build.sh [--dev] [--wheel]" >&2; exit 2 ;;
  esac
done
say() { printf '[build] %s\n' "$*" >&2; }

python=${PYTHON:-}
if [ -z "$python" ]; then
  for name in python3.11 python3 python3.12 python3.13; do
    command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && { python=$name; break; }
  done
fi
[ -n "$python" ] || { say 'Python 3.11 or newer is needed (Debian: apt-get install python3 python3-venv)'; exit 1; }

make_venv() {
  # A cut-off earlier try must not look finished: the stamp comes last.
  [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 && return
  rm -rf .venv
  if ! "$python" -m venv .venv >/dev/null 2>&1; then
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      say 'installing python3-venv (Debian ships Python without it)'
      apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
      say 'Python cannot make virtual environments here; on Debian: sudo apt-get install python3-venv'
      exit 1
    fi
    "$python" -m venv .venv
  fi
}

# What is installed is known by the lock's and the package's own contents, one stamp for each lock.
stamp_of() { cat "$1" pyproject.toml | "$python" -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'; }
stamp=.venv/.stamp-$(basename "$lock" .txt)
want=$(stamp_of "$lock")
if [ ! -x .venv/bin/orchestrator ] || [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
  # The dev lock holds everything of the other: nothing is left to do after it.
  if [ "$lock" = lock/run.txt ] && [ -x .venv/bin/orchestrator ] && [ "$(cat .venv/.stamp-dev 2>/dev/null)" = "$(stamp_of lock/dev.txt)" ]; then
    :
  else
    make_venv
    say "installing $(grep -c '==' "$lock") locked packages from $lock (about a minute the first time)"
    # pip says nothing for most of a minute; a dot every two seconds says that it works.
    (while sleep 2; do printf . >&2; done) & dots=$!
    trap 'kill $dots 2>/dev/null || true' EXIT
    # The lock is complete: nothing is left to resolve. (Resolving, pip takes the newest release for a name with extras,
    # which no hash stands for, as soon as there is one newer than the lock.)
    pip_install=(.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile)
    "${pip_install[@]}" --require-hashes -r "$lock"
    "${pip_install[@]}" --no-build-isolation --editable .
    # Compile once here, so that the first command is as quick as the later ones; with all processors, where pip uses one.
    # What cannot be compiled is a template, or for another Python.
    libraries=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    .venv/bin/python -m compileall -qq -j 0 "$libraries" contract telemetry archive producer orchestrator webserver tester || true
    printf '%s\n' "$want" >"$stamp"
    kill $dots 2>/dev/null || true
    printf '\n' >&2
    say "ready; the commands are in .venv/bin: . .venv/bin/activate"
  fi
fi

if [ -n "$wheel" ]; then
  say 'building the wheel'
  .venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
  ls dist/*.whl
fi
