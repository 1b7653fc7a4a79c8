#!/usr/bin/env bash
# Prepare .venv with everything SPIRAL needs, system packages included where this user may install them.
# Run again, it ends at once unless something it depends on has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }
mypaint_version() { pkg-config --modversion 'libmypaint >= 1.5' 2>/dev/null || echo none; }
has_fonts() { compgen -G '/usr/share/fonts/truetype/noto/NotoSansVai-Regular.ttf' >/dev/null; }
has_opengl() { ldconfig -p 2>/dev/null | grep -q 'libEGL_mesa\|libEGL_nvidia'; }
has_brushes() { compgen -G '/usr/share/mypaint-data/*/brushes' >/dev/null || [ -n "${SPIRAL_BRUSHES:-}" ]; }

# Changes with everything the installation depends on, this folder's place included. Not with the version, which every
# commit changes: `spiral --version` tells that of the time of the installation.
key() { { cat pyproject.toml constraints.txt CMakeLists.txt native/* scripts/setup.sh; pwd; mypaint_version; } | cksum; }

stamp=.venv/.spiral-setup
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(key)" ]; then
  exit 0
fi

# The first Python of at least 3.11, or nothing.
find_python() {
  local name
  for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
    if has "$name" && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

# Names of the Debian packages that are not here, one word each.
missing_packages() {
  local python
  python=$(find_python)
  if [ -z "$python" ]; then
    echo python3 python3-venv python3-dev
  else
    # Debian splits off two parts of its own Pythons: what makes virtual environments, and the headers.
    local minor
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$(basename "$python")" = python3 ] && minor=3
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "python$minor-venv"
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || echo "python$minor-dev"
  fi
  has c++ || has g++ || has clang++ || echo g++
  has pkg-config || echo pkg-config
  [ "$(mypaint_version)" != none ] || echo libmypaint-dev
  has_brushes || echo mypaint-brushes
  has_fonts || echo fonts-noto-core
  has_opengl || echo libegl1 libegl-mesa0
}

install_packages() {
  local as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! has sudo || ! sudo -n true 2>/dev/null; then
      say "missing system packages, and neither root nor sudo without a password to install them: $*"
      return
    fi
    as_root="sudo -n"
  fi
  say "installing system packages with apt-get: $*"
  # A list that cannot be refreshed may still do; what could not be installed is told below.
  $as_root apt-get update -q >&2 </dev/null || say "apt-get update failed; trying with the package lists that are here"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2 </dev/null ||
    say "apt-get could not install them; going on without"
}

packages=$(missing_packages | tr '\n' ' ')
if [ -n "$packages" ]; then
  if has apt-get; then
    # shellcheck disable=SC2086  # one word a package
    install_packages $packages
  else
    say "not here, named as in Debian; install them in this system's own way: $packages"
  fi
fi

python=$(find_python)
if [ -z "$python" ]; then
  say "no Python of at least 3.11 found; install one, or name it: PYTHON=/path/to/python3 make setup"
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  say "$python cannot make virtual environments; install python3-venv"
  exit 1
fi
if [ "$(mypaint_version)" = none ] || ! has_brushes; then
  say "going on without libmypaint (libmypaint-dev, mypaint-brushes): the vector engine serves, but the agents and"
  say "presets that paint with libmypaint, the paper's engine, do not work until those are installed"
fi

has_opengl || say "going on without OpenGL (libegl1, libegl-mesa0): scenes and the robot do not work until it is here"
has_fonts || say "going on without fonts-noto-core: the data set of drawn characters, glyphs, cannot be made"

# A virtual environment knows its own place and its Python: one that was moved, or whose Python is gone, is made anew.
place=$(.venv/bin/python -c 'import sys; print(sys.prefix)' 2>/dev/null || true)
if [ "$place" != "$PWD/.venv" ] || [ "$(cat .venv/.spiral-place 2>/dev/null)" != "$PWD" ]; then
  say "making .venv with $("$python" --version) ($python)"
  "$python" -m venv --clear .venv
  pwd >.venv/.spiral-place
fi
rm -f "$stamp"
say "installing Python packages into .venv; about 3 GB, which the first time takes minutes"
progress=on
[ -t 2 ] || progress=off
install() {
  .venv/bin/python -m pip install --disable-pip-version-check --no-input --quiet --progress-bar "$progress" \
    -c constraints.txt "$@" >&2 </dev/null
}
install -e '.[data,dev,mujoco,robot,video]'
# What an extra of pyproject.toml asks for: without it everything else works.
optional() {
  local wanted
  mapfile -t wanted < <(.venv/bin/python -c 'import sys, tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' "$1")
  install "${wanted[@]}" || say "going on without $2 does not work until it is here"
}
optional ray "Ray: spreading runs over processes (--actors, \`spiral tune\`)"
optional studio "Gradio: \`spiral studio\`"
optional docs "MkDocs: \`make docs\`"
optional examples "Stable-Baselines3: its example"

engine=$(.venv/bin/python -c 'import spiral.engines._mypaint' 2>&1 && echo built || true)
if [ "$engine" = built ]; then
  say "done, with the libmypaint engine; try: .venv/bin/spiral paint YOUR-PHOTO.jpg --strokes 500 --out painted"
elif [ "$(mypaint_version)" = none ]; then
  say "done, without the libmypaint engine"
else
  say "libmypaint $(mypaint_version) is here, but its engine was not built: ${engine##*$'\n'}"
  say "\`.venv/bin/python -m pip install -v -e .\` shows why; the vector engine works"
fi
key >"$stamp"
