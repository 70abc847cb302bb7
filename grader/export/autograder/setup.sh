#!/usr/bin/env bash
# Gradescope runs this once, while it builds the autograder's image: a Python, and what the kit needs.
set -euo pipefail

root="${AUTOGRADER_ROOT:-/autograder}"
torch_index="${TORCH_INDEX_URL:-https://download.pytorch.org/whl/cpu}"  # the CPU-only build; the other is gigabytes

find_python() {
  for name in python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
}

if [ ! -x "$root/venv/bin/python" ]; then
  python="$(find_python)"
  if [ -z "$python" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -yq python3.11 python3.11-venv || apt-get install -yq python3 python3-venv
    python="$(find_python)"
  fi
  if [ -z "$python" ]; then
    echo "the kit needs Python 3.11 or newer: choose a newer base image (Ubuntu 22.04 or later)" >&2
    exit 1
  fi
  "$python" -m venv "$root/venv"
fi

if ! ldconfig -p | grep -q 'libseccomp\.so'; then  # the wall of system calls around student code
  apt-get update -q
  apt-get install -yq libseccomp2
fi

"$root/venv/bin/python" -m pip install --disable-pip-version-check --index-url "$torch_index" \
  "$(grep '^torch==' "$root/source/requirements.txt")"
"$root/venv/bin/python" -m pip install --disable-pip-version-check -r "$root/source/requirements.txt"

# a trial: what cannot start here fails the build, and no student's grade
trial="$(mktemp -d)"
trap 'rm -rf "$trial"' EXIT
mkdir "$trial/submission"
echo 'def nothing(): pass' >"$trial/submission/nothing.py"
cd "$root/source/kit"
"$root/venv/bin/python" -m grader grade "$trial/submission" --each-path --out "$trial/grades" \
  --lesson "$(cat "$root/source/lesson")" --seed 0
