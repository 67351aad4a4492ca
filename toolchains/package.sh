#!/bin/bash
# Packs what a build has made: an archive to unpack anywhere, and a Debian package.
#
#   toolchains/package.sh BUILD_DIR       leaves dist/earshot-VERSION-linux-ARCH.tar.gz and dist/earshot_VERSION_DEBARCH.deb
#
# The programs have the C++ runtime inside. The oldest C library that they run with is read from the symbols they ask for,
# printed, and written into the Debian package.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/toolchains/shell.sh"
[ -f "${1:-}/CMakeCache.txt" ] || die "usage: toolchains/package.sh BUILD_DIR"
BUILD=$(cd "$1" && pwd)
cd "$ROOT"

cached() { sed -n "s/^$1:[A-Z]*=//p" "$BUILD/CMakeCache.txt"; }
VERSION=$(cached CMAKE_PROJECT_VERSION)
OBJDUMP=$(cached CMAKE_OBJDUMP)
case $("$OBJDUMP" -f "$BUILD/bin/earshot" | sed -n 's/^architecture: \([^,]*\),.*/\1/p') in
  aarch64) ARCH=aarch64 DEBIAN_ARCH=arm64 ;;
  arm*) ARCH=armhf DEBIAN_ARCH=armhf ;;
  i386:x86-64) ARCH=x86_64 DEBIAN_ARCH=amd64 ;;
  *) die "$BUILD/bin/earshot is for a processor that has no package name" ;;
esac
NAME=earshot-$VERSION-linux-$ARCH
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT

# The newest version of a GLIBC_ symbol that the programs ask for.
oldest_glibc() {
  "$OBJDUMP" -T "$STAGE/$NAME"/bin/* | grep -o 'GLIBC_[0-9.]*' | sort -u -V | tail -n 1 | cut -d _ -f 2
}

# The libraries that the programs load, apart from the C library's own.
foreign_libraries() {
  "$OBJDUMP" -p "$STAGE/$NAME"/bin/* | awk '$1 == "NEEDED" { print $2 }' | sort -u |
    grep -vE '^(lib(c|m)\.so\.6|ld-linux-[a-z0-9-]+\.so\.[0-9]+)$' || true
}

write_readme() {
  cat <<END
Earshot $VERSION for Linux on $ARCH (glibc $1 or newer): private speech recognition, offline, on the CPU.
Convert a Whisper checkpoint, once:   bin/earshot-convert CHECKPOINT -o model.earshot
Transcribe a recording:               bin/earshot transcribe --model model.earshot talk.mp3
What this machine is good for:        bin/earshot doctor model.earshot
In your own CMake project:            find_package(earshot), see include/earshot/platform/api/earshot.h; licences: share/doc/earshot
END
}

write_control() {
  cat <<END
Package: earshot
Version: $VERSION
Architecture: $DEBIAN_ARCH
Maintainer: The Earshot developers <earshot@localhost>
Installed-Size: $(du -ks "$STAGE/deb/usr" | cut -f 1)
Depends: libc6 (>= $1)
Section: sound
Priority: optional
Description: private speech recognition on small computers
 Turns Whisper checkpoints into one file and recordings into text: offline, on the CPU, with a memory need that is known
 before it starts. Holds the programs earshot and earshot-convert, and libearshot with headers and a CMake package.
END
}

cmake --install "$BUILD" --prefix "$STAGE/$NAME" --strip >/dev/null
[ -n "$(ls "$STAGE/$NAME/share/doc/earshot/licences")" ] || die "the licences of the libraries are missing: run toolchains/bootstrap.sh"
FOREIGN=$(foreign_libraries)
[ -z "$FOREIGN" ] || die "the programs need libraries that a board may not have: $FOREIGN"
GLIBC=$(oldest_glibc)
mkdir -p dist "$STAGE/deb/DEBIAN"
write_readme "$GLIBC" >"$STAGE/$NAME/README"
tar -C "$STAGE" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -czf "dist/$NAME.tar.gz" "$NAME"
cp -r "$STAGE/$NAME" "$STAGE/deb/usr"
rm "$STAGE/deb/usr/README"
cp LICENSE "$STAGE/deb/usr/share/doc/earshot/copyright"
write_control "$GLIBC" >"$STAGE/deb/DEBIAN/control"
dpkg-deb --root-owner-group --build "$STAGE/deb" "dist/earshot_${VERSION}_$DEBIAN_ARCH.deb" >/dev/null
echo "earshot: $(stat -c %s "$STAGE/$NAME/bin/earshot") bytes; needs glibc $GLIBC, no other library"
ls -1 "dist/$NAME.tar.gz" "dist/earshot_${VERSION}_$DEBIAN_ARCH.deb"
