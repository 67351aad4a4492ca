# Warnings and sanitizers, carried by the interface target every module links.
include_guard(GLOBAL)
add_library(earshot_options INTERFACE)
target_include_directories(earshot_options INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
# Off: members that a designated initializer leaves out take their defaults, which is the point of the style; -Wrestrict of GCC 12
# misfires on std::string concatenation (GCC bug 105329).
target_compile_options(earshot_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wvla -Wcast-align -Wno-missing-field-initializers
  -ffunction-sections -fdata-sections
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=") # no path of the building machine in a program
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(earshot_options INTERFACE -Wno-restrict)
endif()
target_link_options(earshot_options INTERFACE -Wl,--gc-sections -Wl,--disable-new-dtags)
if(EARSHOT_WERROR)
  target_compile_options(earshot_options INTERFACE -Werror)
endif()
set(sanitizers "${EARSHOT_SANITIZE}")
if(EARSHOT_FUZZ)
  # Coverage counters in every module; the fuzz targets alone link libFuzzer's main (earshot_fuzz in modules.cmake).
  string(JOIN "," sanitizers ${sanitizers} fuzzer-no-link)
endif()
if(sanitizers)
  # The vptr check needs RTTI, which device code is built without.
  target_compile_options(earshot_options INTERFACE -fsanitize=${sanitizers} -fno-sanitize=vptr -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(earshot_options INTERFACE -fsanitize=${sanitizers})
endif()
