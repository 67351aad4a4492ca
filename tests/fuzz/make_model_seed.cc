// Writes the seed of fuzz_model: make_model_seed <file>.
#include <cstdio>
#include <fstream>
#include <vector>

#include "tests/support/exercise_model.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_model_seed <file>\n");
    return 2;
  }
  const std::vector<std::byte> bytes = earshot::test::ConvertSyntheticWhisper(earshot::DType::kI8);
  std::ofstream file(argv[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return file.good() ? 0 : 1;
}
