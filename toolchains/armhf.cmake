# 32-bit ARM: Raspberry Pi 2 and later with a 32-bit system. Dependencies: toolchains/bootstrap.sh armhf.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(EARSHOT_ARCH armhf)
set(EARSHOT_TRIPLET arm-linux-gnueabihf)
set(EARSHOT_QEMU qemu-arm)
# Debian's compiler aims at boards without NEON; every board we name has it. With the format of 16-bit
# floats stated, GCC offers the conversions that VFPv4 has; Highway's own are wrong for infinities. Times and file offsets have
# 64 bits: dates after 2038, and files whose inode number needs them. No library here hands either to another one.
set(CMAKE_C_FLAGS_INIT "-mfpu=neon-vfpv4 -mfp16-format=ieee -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64")
# -Wno-psabi: GCC's remarks about how GCC 6 and earlier passed some types.
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT} -Wno-psabi")
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
