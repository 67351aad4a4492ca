# 64-bit ARM: Raspberry Pi 3, 4, 5, Zero 2 W with a 64-bit system. Dependencies: toolchains/bootstrap.sh arm64.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(EARSHOT_ARCH arm64)
set(EARSHOT_TRIPLET aarch64-linux-gnu)
set(EARSHOT_QEMU qemu-aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/cross.cmake")
