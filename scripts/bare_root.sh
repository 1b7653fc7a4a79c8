#!/usr/bin/env bash
# Prove a wheel where nothing is: a fresh Debian with Python and nothing more, no compiler, no libmypaint, no brushes.
#
#     sudo scripts/bare_root.sh FOLDER [WHEEL]
#
# FOLDER becomes the root of that Debian, and is kept: what was painted is in FOLDER/proof. WHEEL is the one in dist/
# when left out. Needs root, debootstrap, and the network; from the environment it takes
#     BARE_MIRROR   where Debian's packages come from; what this machine's apt uses when left out
#     BARE_BIND     folders that pip needs in there, such as a local index or certificates, separated by blanks
#     PIP_*         pip's own settings
# shellcheck disable=SC2016  # what stands in single quotes is for the inner shell
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'bare_root: %s\n' "$*" >&2; }
root=$(realpath -m "${1:?usage: scripts/bare_root.sh FOLDER [WHEEL]}")
wheel=${2:-$(compgen -G 'dist/spiral_painter-*.whl' || true)}
suite=${BARE_SUITE:-bookworm}
[ -f "$wheel" ] || { say "no wheel, or more than one, in dist/; build it: make wheel"; exit 1; }
[ "$(id -u)" = 0 ] || { say "needs root, for debootstrap and chroot"; exit 1; }
command -v debootstrap >/dev/null || { say "needs debootstrap: apt-get install debootstrap"; exit 1; }

if [ ! -e "$root/.spiral-bare-root" ]; then
  if [ -n "$(ls -A "$root" 2>/dev/null)" ]; then
    say "$root is there and was not made by this script; name another folder"
    exit 1
  fi
  mirror=${BARE_MIRROR:-$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m 1 'debian/*$' || true)}
  say "making $root: Debian $suite, minbase, with python3 and python3-venv"
  debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$root" ${mirror:+"$mirror"} >/dev/null
  touch "$root/.spiral-bare-root"
fi

# Runs a command in the root, whose mounts end with it.
inside() {
  local settings=()
  mapfile -t settings < <(env | grep '^PIP_' || true)
  BARE_ROOT=$root unshare --mount bash -euc '
    for folder in /proc /dev ${BARE_BIND:-}; do
      mkdir -p "$BARE_ROOT$folder"
      mount --rbind "$folder" "$BARE_ROOT$folder"
    done
    exec chroot "$BARE_ROOT" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
  ' bash "${settings[@]}" "$@"
}

say "what is not there"
if inside sh -c 'for name in cc gcc c++ g++ clang make cmake pkg-config; do command -v $name; done | grep .'; then
  say "a compiler in $root"
  exit 1
fi
if inside dpkg --list | grep -E '^ii +(libmypaint|mypaint-brushes|libjson-c|libglib2|libgomp)' >&2; then
  say "libraries in $root that the wheel must bring along"
  exit 1
fi

say "installing $(basename "$wheel")"
rm -rf "$root/proof"
mkdir "$root/proof"
cp "$wheel" constraints.txt scripts/check_wheel.py "$root/proof"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
inside sh -euc '
  cd /proof
  python3 -m venv venv
  venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt *.whl
  PATH=/proof/venv/bin:$PATH
  spiral --version
  spiral engines
  python check_wheel.py
  mkdir digits
  python - <<END
from pathlib import Path
from spiral.datasets import load
from spiral.io.images import write_png
for index, digit in enumerate(load("mnist-sample", 64, 1, "test").images[:4]):
    write_png(Path(f"digits/{index}.png"), digit)
END
  spiral paint digits --out painted
  spiral sample --count 4 --out invented --sheet invented/sheet.png
  spiral render painted/0.program.json --out large.png --size 512
  spiral render painted/0.program.json --out strokes.svg
  spiral render painted/0.program.json --out strokes.gif
  python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$(ls *.whl)[video]"
  spiral render painted/0.program.json --out film.mp4
' >&2
say "done: look at $root/proof"
