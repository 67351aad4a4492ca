#!/bin/bash
# Cross-builds for both ARM architectures and runs tests on emulated boards (Debian 12 or 13, root or sudo). An hour on 2 cores.
#
#   toolchains/test_boards.sh [--short] [aarch64|armhf]      both unless told otherwise
#
# All quick tests run on the Cortex-A53 and, in 32 bits, on the A7; the cases of published implementations on the A53, the A76 and
# one with i8mm; the tests of kernels on these four; a recording on each, and on the A72, which has the A53's kernels.
# --short: the tests of kernels and the recording on each, half of the programs to build.
set -euo pipefail
cd "$(dirname "$0")/.."
. toolchains/shell.sh
STEP_LOG=build/boards.log
RECORDING='e2e_cpu_kernels|convert_whisper-tiny.en_int8'
KERNELS='^kernels_test|^attention_kernels_test'
CASES='^zoo_'
# What patterns select is the same arithmetic on every CPU, and slow to check when emulated.
PATTERNS='shows? the|show their|see their|are seen by all'

# instructions TRIPLET PRESET: none above the architecture's baseline outside of functions for better CPUs.
instructions() {
  local program
  for program in earshot earshot-convert; do
    python3 tests/check_instructions.py "build/$2/bin/$program" --objdump "$1-objdump" --list
  done
}

# cross_build PRESET [TARGET...]
cross_build() {
  local preset=$1
  shift
  cmake --preset "$preset"
  cmake --build --preset "$preset" ${*:+--target "$@"}
}

# emulated PRESET CTEST_OPTION...
emulated() {
  local preset=$1
  shift
  ctest --preset "$preset" -j "$(nproc)" --no-tests=error "$@"
}

kernels_and_recording() {
  emulated "$1" -R "$KERNELS|$RECORDING" -E "$PATTERNS"
}

aarch64() {
  toolchains/bootstrap.sh arm64
  step "build for aarch64" cross_build aarch64-test "${TARGETS[@]}"
  step "instructions of aarch64" instructions aarch64-linux-gnu aarch64-test
  if [ "$SHORT" = no ]; then
    step "Cortex-A53: all quick tests" emulated aarch64-a53 -L quick
    step "Cortex-A53: published implementations, a recording" emulated aarch64-a53 -R "$CASES|$RECORDING"
    step "Cortex-A76: published implementations" emulated aarch64-a76 -R "$CASES"
    step "i8mm: published implementations" emulated aarch64-i8mm -R "$CASES"
  else
    step "Cortex-A53: kernels, a recording" kernels_and_recording aarch64-a53
  fi
  step "Cortex-A72: a recording" emulated aarch64-a72 -R "$RECORDING"
  step "Cortex-A76: kernels, a recording" kernels_and_recording aarch64-a76
  step "i8mm: kernels, a recording" kernels_and_recording aarch64-i8mm
}

armhf() {
  toolchains/bootstrap.sh armhf
  step "build for armhf" cross_build armhf-test "${TARGETS[@]}"
  step "instructions of armhf" instructions arm-linux-gnueabihf armhf-test
  if [ "$SHORT" = no ]; then
    step "Cortex-A7: all quick tests" emulated armhf-a7 -L quick
    step "Cortex-A7: a recording" emulated armhf-a7 -R "$RECORDING"
  else
    step "Cortex-A7: kernels, a recording" kernels_and_recording armhf-a7
  fi
}

SHORT=no TARGETS=()
if [ "${1:-}" = --short ]; then
  SHORT=yes TARGETS=(earshot earshot-convert kernels_test attention_kernels_test)
  shift
fi
mkdir -p build
models/fetch.sh tiny.en speech
case ${1:-both} in
  aarch64 | armhf) "$1" ;;
  both)
    aarch64
    armhf
    ;;
  *) die "usage: toolchains/test_boards.sh [--short] [aarch64|armhf]" ;;
esac
