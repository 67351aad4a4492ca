#!/bin/bash
# Everything for a Raspberry Pi from an x86 machine with Debian 12 or 13 (root or sudo): compiler, libraries, build, packages.
#
#   toolchains/cross.sh aarch64|armhf     leaves dist/earshot-VERSION-linux-ARCH.tar.gz and a .deb
#
# Programs run with the C library of the building machine's Debian release or a newer one: build on Debian 12 for boards with
# Raspberry Pi OS 12.
set -euo pipefail
cd "$(dirname "$0")/.."
. toolchains/shell.sh
case ${1:-} in
  aarch64) DEBIAN_ARCH=arm64 ;;
  armhf) DEBIAN_ARCH=armhf ;;
  *) die "usage: toolchains/cross.sh aarch64|armhf" ;;
esac
STEP_LOG=build/cross-$1.log

build() {
  cmake --preset "$1"
  cmake --build --preset "$1"
}

mkdir -p build
toolchains/bootstrap.sh "$DEBIAN_ARCH"
step "build for $1" build "$1"
toolchains/package.sh "build/$1"
