#!/bin/sh
# Makes .venv with a suitable Python and installs requirements-dev.txt. Does nothing if both are up to date.
set -eu
cd "$(dirname "$0")/.."

# 3.11 first: it is the version in .python-version, and the requirements are compiled for it. A candidate may be a broken
# pyenv shim or a Python without ensurepip (Debian without python3-venv), so each candidate is run before it is used.
suitable='import sys; assert sys.version_info >= (3, 11); import ensurepip, venv'
# pyenv compiles without profiles unless it is asked to. With such a Python, the tests take 1.4 times the CPU, and the
# servers 1.2 times. Distributions compile theirs with profiles, though Debian's own build does not say so.
quick='import sys, sysconfig as s; assert "--enable-optimizations" in s.get_config_var("CONFIG_ARGS") or sys.base_prefix == "/usr"'
candidates="python3.11 /usr/bin/python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3"

# Prints the first of the given interpreters that runs the code without an error.
first_that_runs() {
  code=$1
  shift
  for candidate; do
    if "$candidate" -c "$code" >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

find_python() {
  first_that_runs "$suitable" ${PYTHON:-} || first_that_runs "$suitable; $quick" $candidates ||
    first_that_runs "$suitable" $candidates || true
}

give_up() {
  newest=""
  for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    newest=$version
    "$candidate" -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null || continue
    echo "parley: Python $version has no venv module. On Debian and Ubuntu: apt install python$version-venv" >&2
    exit 1
  done
  if [ -n "$newest" ]; then
    echo "parley: Python $newest is too old. You need 3.11 or newer; PYTHON=/path/to/python selects one." >&2
  else
    echo "parley: no Python found. You need 3.11 or newer; PYTHON=/path/to/python selects one." >&2
  fi
  exit 1
}

# The scripts in .venv contain absolute paths, so a moved or copied directory needs a new environment.
if [ "$(cat .venv/made-in 2>/dev/null)" != "$PWD" ] || ! .venv/bin/python -c "$suitable" 2>/dev/null; then
  python=$(find_python)
  [ -n "$python" ] || give_up
  rm -rf .venv
  "$python" -m venv .venv
  echo "$PWD" >.venv/made-in
fi

if ! cmp -s requirements-dev.txt .venv/installed.txt; then
  echo "parley: installing requirements into .venv" >&2
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
  cp requirements-dev.txt .venv/installed.txt
fi
