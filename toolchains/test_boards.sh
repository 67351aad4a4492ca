#!/bin/bash
# Cross-builds for both ARM architectures and runs tests on emulated boards (Debian 12 or 13, root or sudo). Half an hour on 2 cores.
#
#   toolchains/test_boards.sh [aarch64|armhf]      both unless told otherwise
#
# The 64-bit board without dot product runs all quick tests and the cases of published implementations; the others, but the A72 with
# the same kernels, the tests of kernels; and all a real recording. 32 bits: the quick tests of kernels and attention, and the recording.
set -euo pipefail
cd "$(dirname "$0")/.."
. toolchains/shell.sh
STEP_LOG=build/boards.log
RECORDING='e2e_cpu_kernels|convert_whisper-tiny.en_int8'
KERNELS_AND_RECORDING="^(kernels_test|attention_kernels_test)|$RECORDING"

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

emulated() {
  local preset=$1
  shift
  ctest --preset "$preset" -j "$(nproc)" "$@"
}

aarch64() {
  toolchains/bootstrap.sh arm64
  step "build for aarch64" cross_build aarch64-test
  step "instructions of aarch64" instructions aarch64-linux-gnu aarch64-test
  step "Cortex-A53: all quick tests" emulated aarch64-a53 -L quick
  step "Cortex-A53: published implementations, a recording" emulated aarch64-a53 -R "^zoo_|$RECORDING"
  step "Cortex-A72: a recording" emulated aarch64-a72 -R "$RECORDING"
  step "Cortex-A76: kernels and a recording" emulated aarch64-a76 -R "$KERNELS_AND_RECORDING"
  step "i8mm: kernels and a recording" emulated aarch64-i8mm -R "$KERNELS_AND_RECORDING"
}

armhf() {
  toolchains/bootstrap.sh armhf
  step "build for armhf" cross_build armhf-test earshot earshot-convert kernels_test attention_kernels_test
  step "instructions of armhf" instructions arm-linux-gnueabihf armhf-test
  step "Cortex-A7: kernels and a recording" emulated armhf-a7 -R "$KERNELS_AND_RECORDING"
}

mkdir -p build
models/fetch.sh tiny.en speech
case ${1:-both} in
  aarch64 | armhf) "$1" ;;
  both)
    aarch64
    armhf
    ;;
  *) die "usage: toolchains/test_boards.sh [aarch64|armhf]" ;;
esac
