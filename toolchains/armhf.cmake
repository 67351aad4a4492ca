# 32-bit ARM: Raspberry Pi 2 and later with a 32-bit system. Dependencies: toolchains/bootstrap.sh armhf.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(EARSHOT_ARCH armhf)
set(EARSHOT_TRIPLET arm-linux-gnueabihf)
set(EARSHOT_QEMU qemu-arm)
set(EARSHOT_EMULATED_CPU cortex-a15 CACHE STRING "cortex-a7, cortex-a15: NEON without dot product")
# Debian's compiler aims at boards without NEON; every board we name has it.
set(CMAKE_C_FLAGS_INIT "-mfpu=neon-vfpv4")
set(CMAKE_CXX_FLAGS_INIT "-mfpu=neon-vfpv4")
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
