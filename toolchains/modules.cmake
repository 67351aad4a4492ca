# How the project's libraries, tests and fuzz targets are declared.
include_guard(GLOBAL)

# earshot_module(name SOURCES a.cc ... [DEPENDS target ...]): one static library per folder. DEPENDS is public: the
# allowed include directions are the link graph (tests/check_includes.py checks the sources too).
function(earshot_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(earshot_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(earshot_${name} PUBLIC earshot_options ${ARG_DEPENDS})
endfunction()

# Device code: no exceptions, no RTTI.
function(earshot_device_module name)
  earshot_module(${name} ${ARGN})
  target_compile_options(earshot_${name} PRIVATE -fno-exceptions -fno-rtti)
endfunction()

# earshot_program(name SOURCES a.cc ... [DEPENDS target ...]): a program that is shipped. With the C++ runtime inside it needs
# nothing from a board but its C library.
function(earshot_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE earshot_options ${ARG_DEPENDS})
  target_compile_definitions(${name} PRIVATE EARSHOT_VERSION="${PROJECT_VERSION}")
  if(NOT EARSHOT_SANITIZE AND NOT EARSHOT_FUZZ)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()

# earshot_test(name SOURCES a_test.cc ... [DEPENDS target ...] [LABELS label ...] [WHOLE] [TIMEOUT seconds]): a Catch2
# program. ctest runs each test case by itself or, with WHOLE (cases that share a costly set-up), the program at once.
# The working directory is the project's root, so that tests name their data as "tests/..." and "models/downloads/...".
# Labels: quick = needs no download and takes less than a second (run with sanitizers too); model = needs checkpoints.
# Catch2's discovery keeps one label only; several need WHOLE.
function(earshot_test name)
  if(NOT EARSHOT_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "WHOLE" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE earshot_options ${ARG_DEPENDS} Catch2::Catch2WithMain)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>) # what is tested has its own; a third of the time of a build
  if(ARG_WHOLE)
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  else()
    catch_discover_tests(${name} TEST_PREFIX "${name}: " WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  endif()
endfunction()

# earshot_fuzz(fuzz_name SOURCES fuzz_name.cc ... [DEPENDS target ...]): a libFuzzer program; its seeds lie in
# tests/fuzz/seeds/fuzz_name/.
function(earshot_fuzz name)
  if(NOT EARSHOT_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE earshot_options ${ARG_DEPENDS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
