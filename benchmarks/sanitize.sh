#!/usr/bin/env bash
# Build the extension with the address and undefined-behaviour sanitizers and throw random input at it.
# Run after `make setup`:  bash benchmarks/sanitize.sh
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
.venv/bin/python -m pip install --quiet --disable-pip-version-check --target "$out/nanobind" nanobind cmake 2>/dev/null
export PYTHONPATH="$out/nanobind"
cmake=$(command -v cmake || echo "$out/nanobind/bin/cmake")
"$cmake" -S . -B "$out/build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPython_EXECUTABLE="$PWD/.venv/bin/python" \
  -Dnanobind_DIR="$(.venv/bin/python -m nanobind --cmake_dir)" \
  -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined" >"$out/log"
"$cmake" --build "$out/build" >>"$out/log"
unset PYTHONPATH
# The C++ library comes first too: without it the sanitizer cannot follow an exception.
LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so):$(g++ -print-file-name=libstdc++.so)" \
  ASAN_OPTIONS=detect_leaks=0 .venv/bin/python benchmarks/fuzz_native.py "$out"/build/_mypaint*.so
