// Encodes a window and decodes tokens, so many times each, and does nothing else: for counters from outside,
// such as executed instructions on an emulated board. Usage: steps_bench MODEL ENCODES TOKENS
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "tests/support/loaded_whisper.h"

namespace earshot::bench {
namespace {

// A whole window of changing numbers of the size that log-mel features have.
std::vector<float> Features(int64_t count) {
  std::vector<float> features(static_cast<size_t>(count));
  for (size_t i = 0; i < features.size(); ++i) features[i] = std::sin(0.37f * static_cast<float>(i % 7919));
  return features;
}

Status Steps(whisper::WhisperSession& session, int64_t encodes, int32_t tokens) {
  const int64_t frames = session.max_mel_frames(), mels = session.num_mels();
  std::vector<float> features = Features(frames * mels);
  for (int64_t i = 0; i < encodes; ++i)
    EARSHOT_RETURN_IF_ERROR(session.EncodeMel({features.data(), frames, mels, mels}));
  for (int32_t position = 0; position < tokens; ++position) {
    const int32_t token = 1000 + position;
    EARSHOT_RETURN_IF_ERROR(session.Decode({&token, 1}, position).status());
  }
  return Status::Ok();
}

int Main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: steps_bench MODEL ENCODES TOKENS\n");
    return 2;
  }
  const auto model = test::LoadedWhisper::Open(argv[1], {.num_threads = 1});
  const Status status =
      Steps(model->session, std::strtoll(argv[2], nullptr, 10), static_cast<int32_t>(std::atoi(argv[3])));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace earshot::bench

int main(int argc, char** argv) {
  try {
    return earshot::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
