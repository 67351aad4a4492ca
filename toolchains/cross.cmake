# What the cross toolchain files share: after they have set EARSHOT_ARCH, EARSHOT_TRIPLET and EARSHOT_QEMU.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${EARSHOT_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${EARSHOT_TRIPLET}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${EARSHOT_TRIPLET})

set(EARSHOT_DEPS_DIR "${CMAKE_CURRENT_LIST_DIR}/../.deps" CACHE PATH "prefixes made by toolchains/bootstrap.sh")
get_filename_component(EARSHOT_DEPS_DIR "${EARSHOT_DEPS_DIR}" ABSOLUTE)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EARSHOT_DEPS_DIR)

# Libraries and headers from the target's prefix and Debian's cross packages only, programs from this machine only.
# CMAKE_PREFIX_PATH is what the caller names, an unpacked release of libearshot for example.
set(CMAKE_FIND_ROOT_PATH ${CMAKE_PREFIX_PATH} "${EARSHOT_DEPS_DIR}/${EARSHOT_ARCH}" /usr/${EARSHOT_TRIPLET})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# ctest runs the programs on an emulated board. Its CPU is a matter of the run, not of the build: QEMU reads the environment
# variable QEMU_CPU, which the test presets set.
set(CMAKE_CROSSCOMPILING_EMULATOR "${EARSHOT_DEPS_DIR}/host/bin/${EARSHOT_QEMU};-L;/usr/${EARSHOT_TRIPLET}")
