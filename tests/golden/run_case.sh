#!/bin/bash
# Converts one case of a published implementation, runs it with the programs of this build, and compares every expected
# output; prints the worst ratio of error to tolerance and fails above 1.
#
#   tests/golden/run_case.sh CASE_DIR [--weights int8|int4|f16|f32] [--verbose]
#
# The programs are those in EARSHOT_BIN, or in build/release or build/test. EARSHOT_EMULATOR is what runs them if they are for another
# processor: a command with its options, separated by "|".
set -euo pipefail
exec python3 "$(dirname "$0")/zoo/run_case.py" "$@"
