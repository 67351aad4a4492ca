// Fuzzes the model loader: whatever loads must run within the memory it asked for.
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/support/exercise_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const earshot::Status status =
      earshot::test::ExerciseModel({reinterpret_cast<const std::byte*>(data), size});
  return status.ok() || status.message()[0] != '\0' ? 0 : -1;
}
