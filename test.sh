#!/bin/bash
# Builds everything with warnings as errors and runs all tests; works on a fresh Debian 12 or 13 (root or sudo).
#
#   ./test.sh [CTEST_ARGUMENT...]      for example: ./test.sh -L quick, ./test.sh -R attention
set -euo pipefail
cd "$(dirname "$0")"
. toolchains/shell.sh
STEP_LOG=build/test.log

build() {
  cmake --preset test
  cmake --build --preset test
}

mkdir -p build
toolchains/bootstrap.sh "$(dpkg --print-architecture)"
models/fetch.sh tiny.en base speech spelling
step "build programs and tests" build
ctest --preset test -j "$(nproc)" "$@"
