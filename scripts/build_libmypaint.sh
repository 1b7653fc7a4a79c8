#!/usr/bin/env bash
# Build what a released wheel takes in: json-c, libmypaint without OpenMP, GLib and translations, and the brushes.
#
#     scripts/build_libmypaint.sh PREFIX
#
# The sources are upstream's releases, each checked by its checksum. They are downloaded, or taken from the folder
# SPIRAL_SOURCES, whatever the files there are called; Debian's `apt-get source --download-only libmypaint json-c` gets
# these very files. Brushes that are installed already, as by Debian's mypaint-brushes, are taken from there.
set -euo pipefail

prefix=${1:?usage: scripts/build_libmypaint.sh PREFIX}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'build_libmypaint: %s\n' "$*" >&2; }
checksum() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1; }

# unpack NAME SHA256 URL: leaves the source tree in $work/NAME.
unpack() {
  local name=$1 expected=$2 url=$3 archive="" file
  if [ -n "${SPIRAL_SOURCES:-}" ]; then
    for file in "$SPIRAL_SOURCES"/*.tar.*; do
      if [ -f "$file" ] && [ "$(checksum "$file")" = "$expected" ]; then archive=$file; fi
    done
    [ -n "$archive" ] || say "no file in $SPIRAL_SOURCES has the checksum of $name; downloading it"
  fi
  if [ -z "$archive" ]; then
    archive=$work/$name.tar
    curl --fail --silent --show-error --location --retry 3 --output "$archive" "$url" || {
      say "cannot download $url; put it into a folder and name the folder: SPIRAL_SOURCES=FOLDER"
      exit 1
    }
    if [ "$(checksum "$archive")" != "$expected" ]; then
      say "$url does not have the checksum $expected; not using it"
      exit 1
    fi
  fi
  mkdir "$work/$name"
  tar -xf "$archive" -C "$work/$name" --strip-components 1
}

unpack json-c 3ecaeedffd99a60b1262819f9e60d7d983844073abc74e495cb822b251904185 \
  https://github.com/json-c/json-c/archive/refs/tags/json-c-0.16-20220414.tar.gz
unpack libmypaint a5ec3624ba469b7b35fd66b6fbee7f07285b7a7813d02291ac9b10e46618140e \
  https://github.com/mypaint/libmypaint/releases/download/v1.6.0/libmypaint-1.6.0.tar.xz

# A step that says nothing unless it fails.
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; say "failed: $*"; exit 1; }; }

say "building json-c 0.16"
# CMAKE_POLICY_VERSION_MINIMUM: json-c asks for a CMake older than CMake 4 still follows.
quietly cmake -S "$work/json-c" -B "$work/json-c/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
  -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_NAME_DIR="$prefix/lib" \
  -DBUILD_STATIC_LIBS=OFF -DBUILD_TESTING=OFF -DDISABLE_WERROR=ON -DDISABLE_EXTRA_LIBS=ON
quietly cmake --build "$work/json-c/build" --target install --parallel 2

say "building libmypaint 1.6.0"
cd "$work/libmypaint"
# The release has the generated files; --disable-i18n does without intltool, and on macOS without libintl.
PKG_CONFIG_PATH=$prefix/lib/pkgconfig quietly ./configure --prefix="$prefix" --libdir="$prefix/lib" \
  --disable-maintainer-mode --disable-openmp --without-glib --disable-introspection --disable-i18n --disable-gegl \
  --disable-docs --disable-static CFLAGS="${CFLAGS:--O2}"
quietly make -j2
quietly make install

brushes=$prefix/share/mypaint-data/2.0/brushes
here=$(pkg-config --variable=brushesdir mypaint-brushes-2.0 2>/dev/null || true)
if [ ! -d "$here" ]; then
  unpack mypaint-brushes 7984a74edef94571d872d0629b224abaa956a36f632f5c5516b33d22e49eb566 \
    https://github.com/mypaint/mypaint-brushes/releases/download/v2.0.2/mypaint-brushes-2.0.2.tar.xz
  here=$work/mypaint-brushes/brushes
fi
mkdir -p "$brushes"
(cd "$here" && find . -name '*.myb' -print0 | tar -c --null -T - -f -) | tar -x -C "$brushes" -f -
say "done: $prefix, with $(find "$brushes" -name '*.myb' | wc -l | tr -d ' ') brushes"
