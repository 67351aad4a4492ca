# 64-bit ARM: Raspberry Pi 3, 4, 5, Zero 2 W with a 64-bit system. Dependencies: toolchains/bootstrap.sh arm64.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(EARSHOT_ARCH arm64)
set(EARSHOT_TRIPLET aarch64-linux-gnu)
set(EARSHOT_QEMU qemu-aarch64)
set(EARSHOT_EMULATED_CPU cortex-a76 CACHE STRING
  "cortex-a53 (Zero 2 W) and cortex-a72 (Pi 4): no dot product; cortex-a76 (Pi 5): dot product; cortex-a710: int8 matrix")
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
