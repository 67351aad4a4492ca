// Uses a model file for all it is good for: what robustness tests and the fuzzer do with damaged files.
#ifndef EARSHOT_TESTS_SUPPORT_EXERCISE_MODEL_H_
#define EARSHOT_TESTS_SUPPORT_EXERCISE_MODEL_H_

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/core/dtype.h"
#include "runtime/core/status.h"

namespace earshot::test {

// The bytes of the synthetic Whisper of tests/support/synthetic_whisper.h, converted. Throws on an error.
std::vector<std::byte> ConvertSyntheticWhisper(DType weights);

// Loads the file, makes a session if it wants at most 64 MB, and runs every method with its symbols at the
// minimum, at the maximum and in between. Returns the first error.
Status ExerciseModel(std::span<const std::byte> file);

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_EXERCISE_MODEL_H_
