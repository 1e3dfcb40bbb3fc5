#!/usr/bin/env bash
# Set up everything that the tests need and run them all. Arguments go to pytest (`-n 0`: one test after the other).
# The page's tests drive Chromium (or what the variable CHROMIUM names): on Debian, as root, it is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/build.sh --dev
say() { printf '[test] %s\n' "$*" >&2; }

browser_is_there() {
  [ -n "${CHROMIUM:-}" ] && return
  local name
  for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return
  done
  return 1
}
if ! browser_is_there; then
  # Latin, Arabic, Chinese and emoji, so that the pictures that the tests keep show what a reader would see.
  packages=(chromium-headless-shell fonts-liberation fonts-dejavu-core fonts-droid-fallback fonts-noto-color-emoji)
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing with apt-get (about 300 MB on disk): ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null; } ||
      say 'Chromium could not be installed: the tests of the page are left out (with CI=true they fail)'
  else
    say "Chromium is not installed: the tests of the page are left out; on Debian: sudo apt-get install ${packages[*]}"
  fi
fi
# Where Python is told to keep no compiled code pytest works for ten seconds on each start to rewrite the assertions.
unset PYTHONDONTWRITEBYTECODE
# Most tests wait for processes: two workers a processor. A worker that is done takes tests from others.
exec .venv/bin/python -m pytest -n "$(($(nproc) * 2))" --dist worksteal "$@"
