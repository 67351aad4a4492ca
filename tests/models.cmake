# Model files for tests: each is converted once by a ctest fixture, so that the tests also cover the shipped converter.
# earshot_test_model(checkpoint weights) registers the fixture `model_<checkpoint>_<weights>`; the file is
# ${EARSHOT_TEST_MODELS_DIR}/<checkpoint>.<weights>.earshot.
file(MAKE_DIRECTORY "${EARSHOT_TEST_MODELS_DIR}")
function(earshot_test_model checkpoint weights)
  add_test(NAME convert_${checkpoint}_${weights}
    COMMAND earshot-convert "${EARSHOT_DOWNLOADS_DIR}/${checkpoint}" -o "${EARSHOT_TEST_MODELS_DIR}/${checkpoint}.${weights}.earshot"
            --weights ${weights} --quiet)
  set_tests_properties(convert_${checkpoint}_${weights} PROPERTIES LABELS model FIXTURES_SETUP model_${checkpoint}_${weights})
endfunction()
# earshot_test_shared_model(checkpoint weights): likewise, of a checkpoint that lies in the shared folder.
function(earshot_test_shared_model checkpoint weights)
  add_test(NAME convert_${checkpoint}_${weights}
    COMMAND earshot-convert "${EARSHOT_SHARED_DIR}/checkpoints/${checkpoint}" --weights ${weights} --quiet
            -o "${EARSHOT_TEST_MODELS_DIR}/${checkpoint}.${weights}.earshot")
  set_tests_properties(convert_${checkpoint}_${weights} PROPERTIES LABELS model FIXTURES_SETUP model_${checkpoint}_${weights})
endfunction()
# earshot_test_packed(checkpoint weights) registers the fixture `packed_<checkpoint>_<weights>`: its packed weights for this CPU,
# as ${EARSHOT_TEST_MODELS_DIR}/<checkpoint>.<weights>.packed, where no program looks for them by itself.
function(earshot_test_packed checkpoint weights)
  add_test(NAME pack_${checkpoint}_${weights}
    COMMAND earshot pack "${EARSHOT_TEST_MODELS_DIR}/${checkpoint}.${weights}.earshot" --quiet
            -o "${EARSHOT_TEST_MODELS_DIR}/${checkpoint}.${weights}.packed")
  set_tests_properties(pack_${checkpoint}_${weights} PROPERTIES LABELS model FIXTURES_SETUP packed_${checkpoint}_${weights}
    FIXTURES_REQUIRED model_${checkpoint}_${weights})
endfunction()
foreach(checkpoint whisper-tiny.en whisper-base)
  foreach(weights f32 f16 int8 int4)
    earshot_test_model(${checkpoint} ${weights})
  endforeach()
endforeach()
foreach(weights f32 int8 int4)
  earshot_test_shared_model(moonshine-tiny ${weights})
endforeach()
earshot_test_packed(whisper-tiny.en int8)
