#!/bin/bash
# Puts every third-party dependency of one target architecture into a private prefix; installs build tools with apt.
#
#   toolchains/bootstrap.sh ARCH [DIR]     ARCH: amd64 | arm64 | armhf     DIR: default .deps in the project
#
# Result: DIR/ARCH/usr/{include,lib,share/licences}, DIR/host/bin/{flatc,qemu-aarch64,qemu-arm}, DIR/ARCH.stamp (what is in the prefix).
#
# All libraries are static, so that the programs need nothing but the C and C++ libraries of the board. Debian has most of
# them as shared libraries only, and too old ones in Debian 12. Hence their sources and headers come, signature checked, from
# the archive that this machine's own apt is configured with, through a private apt state; the system's packages
# stay as they are. Libraries with compiled code are built here or come from the machine's own release: they have to suit
# its compiler and C library.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/toolchains/shell.sh"

ARCH=${1:-}
DIR=$(realpath -m "${2:-$ROOT/.deps}")
HOST_ARCH=$(dpkg --print-architecture)
CODENAME=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

case $ARCH in
  amd64) TRIPLET=x86_64-linux-gnu PROCESSOR=x86_64 ;;
  arm64) TRIPLET=aarch64-linux-gnu PROCESSOR=aarch64 ;;
  armhf) TRIPLET=arm-linux-gnueabihf PROCESSOR=armv7l ;;
  *) die "usage: toolchains/bootstrap.sh amd64|arm64|armhf [DIR]" ;;
esac
CROSS=no
[ "$ARCH" = "$HOST_ARCH" ] || CROSS=yes

# Where each part comes from. A library is taken from the stable release that has the version we want, since it stays there:
# XNNPACK 2024-11-08, pthreadpool 2024-06-16, Highway 1.2, KissFFT 131.1, FlatBuffers 23.5.26, JSON 3.11.3, CLI11 2.4.1.
LIBRARY_SUITE=trixie
# The two that trixie cannot give: its cpuinfo source is missing from the archive, its miniaudio (0.11.22) has known holes.
NEWER_SUITES="forky sid"
# Compiled Catch2 has to match the compiler's libstdc++; Debian 12 itself still has version 2.
CATCH2_SUITE=$CODENAME
[ "$CODENAME" != bookworm ] || CATCH2_SUITE=bookworm-backports
# QEMU 7.2 of Debian 12 does not show the CPU model to programs, and cpuinfo chooses kernels by it.
QEMU_SUITE=$CATCH2_SUITE

WORK="$DIR/.work-$ARCH"
PREFIX="$WORK/prefix/usr" # moved to DIR/ARCH when complete: a half-made prefix is never found there
STEP_LOG="$DIR/bootstrap-$ARCH.log"

# ---------------------------------------------------------------------------------------------------------------------
# The private apt

# Prints the URI of the Debian archive that this machine is configured with.
archive_uri() {
  apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
    awk -F'|' -v release="$CODENAME" '$2 == release && $3 == "main" { print $1; exit }'
}

# private_apt SUITE KIND ARCH COMMAND...: runs an apt command that sees one suite only. KIND: deb | deb-src.
# One state for each suite and kind, made at first use: a package cannot come from elsewhere, and only lists that are used
# are downloaded.
private_apt() {
  local suite=$1 kind=$2 arch=$3 state="$WORK/apt/$1-$2-$3"
  shift 3
  if [ ! -f "$state/ready" ]; then
    mkdir -p "$state"/lists/partial "$state"/cache/archives/partial
    : >"$state/status"
    echo "$kind [signed-by=$KEYRING] $ARCHIVE_URI $suite main" >"$state/sources.list"
    cat >"$state/apt.conf" <<EOF
Dir::State "$state"; Dir::State::lists "$state/lists"; Dir::State::status "$state/status"; Dir::Cache "$state/cache";
Dir::Etc::sourcelist "$state/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "$arch"; APT::Architectures { "$arch"; }; APT::Sandbox::User "root";
Acquire::Languages "none"; Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false"; Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
EOF
    APT_CONFIG="$state/apt.conf" apt-get -q update --error-on=any && touch "$state/ready" || return
  fi
  APT_CONFIG="$state/apt.conf" "$@"
}

# first_suite SUITES COMMAND...: runs COMMAND with $SUITE set to each suite in turn until it succeeds. Mirrors lack a file now
# and then.
first_suite() {
  local suites=$1 SUITE
  shift
  for SUITE in $suites; do
    if "$@"; then return; fi
  done
  die "none of these suites of $ARCHIVE_URI could serve it: $suites"
}

# unpack_packages SUITES ARCH DEST PACKAGE...: downloads binary packages and unpacks them into DEST.
unpack_packages() {
  local suites=$1 arch=$2 dest=$3 file downloads
  shift 3
  downloads=$(mktemp -d "$WORK/deb.XXXX")
  first_suite "$suites" download_packages "$downloads" "$arch" "$@"
  mkdir -p "$dest"
  for file in "$downloads"/*.deb; do
    dpkg-deb -x "$file" "$dest"
    basename "$file" >>"$WORK/contents"
  done
}

download_packages() {
  local folder=$1 arch=$2
  shift 2
  (cd "$folder" && private_apt "$SUITE" deb "$arch" apt-get -q download "$@")
}

# unpack_source SUITES NAME: puts the sources of one package into $WORK/src/NAME.
unpack_source() {
  local suites=$1 name=$2 downloads
  downloads=$(mktemp -d "$WORK/source.XXXX")
  first_suite "$suites" download_source "$downloads" "$name"
  mkdir -p "$WORK/src/$name"
  tar -xf "$downloads"/*.orig.tar.* -C "$WORK/src/$name"
  strip_top_folder "$WORK/src/$name"
  basename "$downloads"/*.orig.tar.* >>"$WORK/contents"
}

download_source() {
  local folder=$1 name=$2
  (cd "$folder" && private_apt "$SUITE" deb-src "$ARCH" apt-get -q source --tar-only --download-only "$name/$SUITE")
}

# Some upstream archives have one top folder, others none.
strip_top_folder() {
  local entries=("$1"/*)
  if [ "${#entries[@]}" -eq 1 ] && [ -d "${entries[0]}" ]; then
    mv "${entries[0]}" "$1.top"
    rmdir "$1"
    mv "$1.top" "$1"
  fi
}

# ---------------------------------------------------------------------------------------------------------------------
# Steps

install_build_tools() {
  local packages=(g++ cmake ninja-build python3 xz-utils ca-certificates debian-archive-keyring)
  case $CROSS-$ARCH in
    yes-amd64) packages+=(g++-x86-64-linux-gnu) ;;
    yes-*) packages+=("g++-$TRIPLET") ;;
  esac
  install_packages "${packages[@]}"
}

download_sources() {
  local name
  for name in xnnpack pthreadpool fxdiv highway kissfft; do unpack_source "$LIBRARY_SUITE" "$name"; done
  unpack_source "$NEWER_SUITES" cpuinfo
  keep_licences_of_sources
}

# What we link has to be shipped with its licence: $PREFIX/share/licences/NAME/.
keep_licences_of_sources() {
  local name
  for name in xnnpack pthreadpool fxdiv highway kissfft cpuinfo; do
    mkdir -p "$PREFIX/share/licences/$name"
    find "$WORK/src/$name" -maxdepth 1 \( -iname 'licen[cs]e*' -o -iname 'copying*' \) -type f \
      -exec cp -t "$PREFIX/share/licences/$name" {} +
    [ -n "$(ls "$PREFIX/share/licences/$name")" ] || die "the sources of $name have no licence"
  done
}

keep_licences_of_packages() {
  local file package
  for file in "$PREFIX"/share/doc/*/copyright; do
    package=$(basename "$(dirname "$file")")
    install -D -m 644 "$file" "$PREFIX/share/licences/$package/copyright"
  done
}

download_packaged_libraries() {
  unpack_packages "$LIBRARY_SUITE" "$ARCH" "$WORK/prefix" libflatbuffers-dev nlohmann-json3-dev libcli11-dev libfxdiv-dev
  rm -rf "${PREFIX:?}/lib/$TRIPLET" # FlatBuffers is used as headers only; its compiled parts would need a newer compiler
  unpack_packages "$NEWER_SUITES" "$ARCH" "$WORK/prefix" libminiaudio-dev
  unpack_packages "$CODENAME" "$ARCH" "$WORK/prefix" zlib1g-dev libspeexdsp-dev libutf8proc-dev
  rm -f "$PREFIX/lib/$TRIPLET"/*.so # links to shared libraries that are not here
  keep_licences_of_packages
  unpack_packages "$CATCH2_SUITE" "$ARCH" "$WORK/prefix" libcatch2-dev # for tests, not shipped
  rm -rf "$PREFIX/share/doc" "$PREFIX/share/man" "$PREFIX/share/lintian"
}

# build NAME CMAKE_ARGUMENT...: configures and builds $WORK/src/NAME in $WORK/out/NAME.
build() {
  local name=$1 flags="-ffunction-sections -fdata-sections" target=()
  shift
  if [ "$CROSS" = yes ]; then
    target=(-DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$PROCESSOR"
      "-DCMAKE_C_COMPILER=$TRIPLET-gcc" "-DCMAKE_CXX_COMPILER=$TRIPLET-g++")
  fi
  cmake -G Ninja -S "$WORK/src/$name" -B "$WORK/out/$name" "${target[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_POSITION_INDEPENDENT_CODE=ON "$@"
  cmake --build "$WORK/out/$name"
}

# Workers of pthreadpool wait for the next task in a loop of 1,000,000 pauses, some 20 ms, before they sleep. Where another program
# wants the core, every task waits for that: two threads on a busy machine took 15 to 20 times as long as with 5,000 pauses.
# No pause between two ops of a model is that long.
shorten_spinning() {
  local header=$WORK/src/pthreadpool/src/threadpool-common.h
  grep -q 'PTHREADPOOL_SPIN_WAIT_ITERATIONS 1000000' "$header" || die "$header has changed: see shorten_spinning"
  sed -i 's/PTHREADPOOL_SPIN_WAIT_ITERATIONS 1000000/PTHREADPOOL_SPIN_WAIT_ITERATIONS 5000/' "$header"
}

# XNNPACK compiles its kernels for AMX only with GCC 13 or later. GCC 12 of Debian 12 has the same instructions, and they halve the time
# of dense int8 layers where the CPU has them.
allow_amx_with_gcc_12() {
  local script=$WORK/src/xnnpack/CMakeLists.txt
  sed -i '/^OPTION(XNNPACK_ENABLE_AVX512AMX /,/^ELSEIF/ s/VERSION_LESS "13"/VERSION_LESS "12"/' "$script"
  sed -n '/^OPTION(XNNPACK_ENABLE_AVX512AMX /,/^ELSEIF/ p' "$script" | grep -q 'VERSION_LESS "12"' ||
    die "$script has changed: see allow_amx_with_gcc_12"
}

# XNNPACK's build makes pthreadpool and cpuinfo on its way. KleidiAI would have to be downloaded from elsewhere.
build_xnnpack() {
  shorten_spinning
  allow_amx_with_gcc_12
  local out="$WORK/out/xnnpack"
  build xnnpack -DXNNPACK_LIBRARY_TYPE=static -DXNNPACK_BUILD_TESTS=OFF -DXNNPACK_BUILD_BENCHMARKS=OFF \
    -DXNNPACK_BUILD_ALL_MICROKERNELS=OFF -DXNNPACK_ENABLE_KLEIDIAI=OFF \
    "-DCPUINFO_SOURCE_DIR=$WORK/src/cpuinfo" "-DPTHREADPOOL_SOURCE_DIR=$WORK/src/pthreadpool" \
    "-DFXDIV_SOURCE_DIR=$WORK/src/fxdiv"
  install -m 644 "$out/libXNNPACK.a" "$out/libmicrokernels-prod.a" "$out/pthreadpool/libpthreadpool.a" \
    "$out/cpuinfo/libcpuinfo.a" "$PREFIX/lib/$TRIPLET/"
  install -m 644 "$WORK/src/xnnpack/include/xnnpack.h" "$WORK/src/pthreadpool/include/pthreadpool.h" \
    "$WORK/src/cpuinfo/include/cpuinfo.h" "$PREFIX/include/"
}

build_highway() {
  build highway -DHWY_ENABLE_TESTS=OFF -DHWY_ENABLE_EXAMPLES=OFF -DHWY_ENABLE_CONTRIB=OFF -DBUILD_TESTING=OFF \
    "-DCMAKE_INSTALL_PREFIX=$PREFIX" "-DCMAKE_INSTALL_LIBDIR=lib/$TRIPLET" -DCMAKE_INSTALL_INCLUDEDIR=include
  cmake --install "$WORK/out/highway"
}

build_kissfft() {
  build kissfft -DKISSFFT_DATATYPE=float -DKISSFFT_STATIC=ON -DKISSFFT_TEST=OFF -DKISSFFT_TOOLS=OFF \
    "-DCMAKE_INSTALL_PREFIX=$PREFIX" "-DCMAKE_INSTALL_LIBDIR=lib/$TRIPLET" -DCMAKE_INSTALL_INCLUDEDIR=include
  cmake --install "$WORK/out/kissfft"
}

# flatc of the same version as the headers. It was linked against a newer C library than Debian 12 has: it runs with its own.
install_flatc() {
  local root="$DIR/host/flatc"
  rm -rf "$root"
  unpack_packages "$LIBRARY_SUITE" "$HOST_ARCH" "$root" flatbuffers-compiler libc6 libstdc++6 libgcc-s1
  rm -rf "${root:?}"/{etc,usr/share} "$root"/usr/lib/*/gconv
  mkdir -p "$DIR/host/bin"
  cat >"$DIR/host/bin/flatc" <<'EOF'
#!/bin/sh
# Runs flatc with the C library it was built for.
root=$(dirname "$(readlink -f "$0")")/../flatc
loader=$(find "$root" -name 'ld-linux*.so.*' -print -quit)
libraries=$(dirname "$(find "$root" -name libc.so.6 -print -quit)")
exec "$loader" --library-path "$libraries" "$root/usr/bin/flatc" "$@"
EOF
  chmod +x "$DIR/host/bin/flatc"
  "$DIR/host/bin/flatc" --version
}

install_emulator() {
  unpack_packages "$QEMU_SUITE" "$HOST_ARCH" "$WORK/qemu" qemu-user
  install -D -t "$DIR/host/bin" "$WORK/qemu/usr/bin/qemu-aarch64" "$WORK/qemu/usr/bin/qemu-arm"
}

finish() {
  rm -rf "${DIR:?}/$ARCH"
  mv "$WORK/prefix" "$DIR/$ARCH"
  { echo "$KEY" && sort -u "$WORK/contents"; } >"$DIR/$ARCH.stamp"
}

# ---------------------------------------------------------------------------------------------------------------------

KEY="$(sha256sum "$ROOT/toolchains/bootstrap.sh" | cut -c1-16) $CODENAME $HOST_ARCH"
mkdir -p "$DIR"
exec 9>"$DIR/.lock"
flock 9 # a second run waits, then finds the work done
if [ -f "$DIR/$ARCH.stamp" ] && [ "$(head -n 1 "$DIR/$ARCH.stamp")" = "$KEY" ] && [ -x "$DIR/host/bin/flatc" ]; then
  echo "dependencies for $ARCH: up to date"
  exit 0
fi

echo "dependencies for $ARCH (once; some minutes):"
rm -rf "$WORK" "$DIR/$ARCH.stamp"
mkdir -p "$WORK"
trap 'rm -rf "$WORK"' EXIT
step "build tools" install_build_tools
ARCHIVE_URI=$(archive_uri)
if [ -z "$ARCHIVE_URI" ] || [ ! -f "$KEYRING" ]; then
  die "this machine's apt has no Debian archive for \"$CODENAME\"; Debian 12, Debian 13 and Raspberry Pi OS (64 bit) are supported"
fi
step "sources" download_sources
step "packaged libraries" download_packaged_libraries
step "flatc" install_flatc
if [ "$CROSS" = yes ]; then step "emulator" install_emulator; fi
step "XNNPACK, pthreadpool, cpuinfo (2 to 5 minutes on 2 cores)" build_xnnpack
step "Highway" build_highway
step "KissFFT" build_kissfft
step "prefix" finish
