# What `cmake --install` puts where: the programs, and libearshot for other programs: one static archive with all that it needs
# inside, the headers of its C and C++ interfaces, and a CMake package for find_package(earshot).
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)

install(TARGETS earshot earshot-convert RUNTIME DESTINATION bin)

# ---------------------------------------------------------------------------------------------------------------------
# The archive. An imported target for each of a dozen of ours and as many of others would break with every change inside.
set(modules api whisper_session models_common engine ops attention kernels xnnpack schema core audio files threads)
set(members "")
set(module_targets "")
foreach(module IN LISTS modules)
  list(APPEND members "$<TARGET_FILE:earshot_${module}>")
  list(APPEND module_targets earshot_${module})
endforeach()
foreach(library xnnpack_XNNPACK xnnpack_microkernels-prod pthreadpool_pthreadpool cpuinfo_cpuinfo hwy_hwy kissfft_kissfft-float
                zlib_z speexdsp_speexdsp)
  list(APPEND members "${EARSHOT_${library}_LIBRARY}")
endforeach()
list(TRANSFORM members PREPEND "ADDLIB " OUTPUT_VARIABLE script)
list(JOIN script "\n" script)
set(archive "${PROJECT_BINARY_DIR}/lib/libearshot.a")
file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/lib/libearshot.mri" CONTENT "CREATE ${archive}\n${script}\nSAVE\nEND\n")
add_custom_command(OUTPUT "${archive}"
  COMMAND "${CMAKE_AR}" -M < "${PROJECT_BINARY_DIR}/lib/libearshot.mri"
  DEPENDS ${module_targets} "${PROJECT_BINARY_DIR}/lib/libearshot.mri"
  VERBATIM)
add_custom_target(libearshot ALL DEPENDS "${archive}")
install(FILES "${archive}" DESTINATION "lib")

# ---------------------------------------------------------------------------------------------------------------------
# The headers, in folders as here, so that the same #include works inside and outside of the source tree.
set(include_dir include/earshot)
set(archive_dir lib)
foreach(header
    models/common/transcription.h models/whisper/session.h models/whisper/transcription.h models/whisper/vocabulary.h
    platform/api/earshot.h platform/audio/audio_reader.h platform/files/mapped_file.h platform/files/memory_block.h
    platform/threads/worker_threads.h
    runtime/core/dtype.h runtime/core/matrix_view.h runtime/core/status.h runtime/core/thread_pool.h runtime/core/typed_bytes.h runtime/core/weights_file.h
    runtime/engine/packed_model.h runtime/engine/program.h runtime/engine/session.h runtime/memory/arena.h
    runtime/xnnpack/packed_weights_file.h)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES "${PROJECT_SOURCE_DIR}/${header}" DESTINATION "${include_dir}/${folder}")
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/generated/runtime/schema/model_generated.h" DESTINATION "${include_dir}/runtime/schema")
install(DIRECTORY "${EARSHOT_flatbuffers_INCLUDE}/flatbuffers" DESTINATION "${include_dir}") # model_generated.h needs them

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/earshot-config.cmake.in" "${PROJECT_BINARY_DIR}/lib/earshot-config.cmake"
  INSTALL_DESTINATION "lib/cmake/earshot" PATH_VARS include_dir archive_dir)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/lib/earshot-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/lib/earshot-config.cmake" "${PROJECT_BINARY_DIR}/lib/earshot-config-version.cmake"
  DESTINATION "lib/cmake/earshot")

# ---------------------------------------------------------------------------------------------------------------------
# Licences of all that is inside; bootstrap.sh has kept those of the libraries.
install(FILES LICENSE NOTICE DESTINATION share/doc/earshot)
install(DIRECTORY "${EARSHOT_DEPS_PREFIX}/share/licences" DESTINATION share/doc/earshot OPTIONAL)
