# Interface targets deps::* for every third-party library, from the private prefix that toolchains/bootstrap.sh made
# (EARSHOT_DEPS_DIR, default .deps) or, for what is not there, from the system. Static libraries are preferred.
include_guard(GLOBAL)
find_package(Threads REQUIRED)

if(NOT EARSHOT_ARCH) # a cross toolchain file has set it
  execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE EARSHOT_ARCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(EARSHOT_DEPS_DIR "${PROJECT_SOURCE_DIR}/.deps" CACHE PATH "prefixes made by toolchains/bootstrap.sh")
set(EARSHOT_DEPS_PREFIX "${EARSHOT_DEPS_DIR}/${EARSHOT_ARCH}/usr")
if(EXISTS "${EARSHOT_DEPS_PREFIX}")
  list(PREPEND CMAKE_PREFIX_PATH "${EARSHOT_DEPS_PREFIX}")
  list(PREPEND CMAKE_PROGRAM_PATH "${EARSHOT_DEPS_DIR}/host/bin")
else()
  message(WARNING "no ${EARSHOT_DEPS_PREFIX}: run toolchains/bootstrap.sh ${EARSHOT_ARCH}; trying the system's libraries")
endif()

# earshot_library_dependency(name header library...) makes deps::name from a header and libraries.
function(earshot_library_dependency name header)
  find_path(EARSHOT_${name}_INCLUDE NAMES ${header} REQUIRED)
  add_library(deps_${name} INTERFACE)
  add_library(deps::${name} ALIAS deps_${name})
  target_include_directories(deps_${name} SYSTEM INTERFACE "${EARSHOT_${name}_INCLUDE}")
  foreach(library IN LISTS ARGN)
    find_library(EARSHOT_${name}_${library}_LIBRARY NAMES lib${library}.a ${library} PATH_SUFFIXES static REQUIRED)
    target_link_libraries(deps_${name} INTERFACE "${EARSHOT_${name}_${library}_LIBRARY}")
  endforeach()
endfunction()

earshot_library_dependency(pthreadpool pthreadpool.h pthreadpool)
earshot_library_dependency(cpuinfo cpuinfo.h cpuinfo)
earshot_library_dependency(xnnpack xnnpack.h XNNPACK microkernels-prod)
earshot_library_dependency(hwy hwy/highway.h hwy)
earshot_library_dependency(kissfft kissfft/kiss_fftr.h kissfft-float)
earshot_library_dependency(zlib zlib.h z)
earshot_library_dependency(speexdsp speex/speex_resampler.h speexdsp)
earshot_library_dependency(utf8proc utf8proc.h utf8proc)
earshot_library_dependency(miniaudio miniaudio.h)
earshot_library_dependency(json nlohmann/json.hpp)
earshot_library_dependency(cli11 CLI/CLI.hpp)
add_library(deps_cli11_functions STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/cli11.cc")
target_compile_definitions(deps_cli11 INTERFACE CLI11_COMPILE)
target_link_libraries(deps_cli11 INTERFACE deps_cli11_functions)
target_include_directories(deps_cli11_functions SYSTEM PRIVATE "${EARSHOT_cli11_INCLUDE}")
target_compile_definitions(deps_cli11_functions PRIVATE CLI11_COMPILE)
target_compile_options(deps_cli11_functions PRIVATE $<$<CONFIG:Release>:-Os>)
earshot_library_dependency(flatbuffers flatbuffers/flatbuffers.h)

# A static library does not say what it needs in turn.
target_link_libraries(deps_pthreadpool INTERFACE Threads::Threads)
target_link_libraries(deps_xnnpack INTERFACE deps::pthreadpool deps::cpuinfo m)
target_link_libraries(deps_kissfft INTERFACE m)
target_link_libraries(deps_speexdsp INTERFACE m)
target_link_libraries(deps_miniaudio INTERFACE ${CMAKE_DL_LIBS} m) # it opens the sound system's library at run time

find_program(EARSHOT_FLATC flatc REQUIRED)

if(EARSHOT_TESTS)
  find_package(Catch2 3 REQUIRED)
  include(Catch)
endif()
