#!/bin/bash
# From a fresh Debian 12 or 13 (root or sudo) to a transcript: dependencies, build, model, conversion, transcription.
#
#   ./demo.sh [FILE...]      audio files; default: a sample recording
#
# The transcript goes to stdout, everything else to stderr. The first run takes some minutes, later ones seconds.
set -euo pipefail
FILES=()
for file in "$@"; do FILES+=("$(realpath -m "$file")"); done # named from the caller's folder
[ ${#FILES[@]} -gt 0 ] || FILES=(models/downloads/speech/two_cities.wav)
cd "$(dirname "$0")"
. toolchains/shell.sh
STEP_LOG=build/demo.log
MODEL=models/downloads/whisper-tiny.en.int8.earshot

build() {
  cmake --preset release
  cmake --build --preset release
}

convert() {
  build/release/bin/earshot-convert models/downloads/whisper-tiny.en -o "$MODEL"
}

prepare() {
  mkdir -p build
  toolchains/bootstrap.sh "$(dpkg --print-architecture)"
  step "build earshot" build
  models/fetch.sh tiny.en speech
  if [ ! -f "$MODEL" ] || [ build/release/bin/earshot-convert -nt "$MODEL" ]; then
    step "convert Whisper tiny.en to int8" convert
  fi
}

prepare >&2
echo "\$ build/release/bin/earshot transcribe --model $MODEL ${FILES[*]}" >&2
exec build/release/bin/earshot transcribe --model "$MODEL" "${FILES[@]}"
