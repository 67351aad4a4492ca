// The measurements of `earshot bench`.
#ifndef EARSHOT_PLATFORM_CLI_BENCH_RUNNER_H_
#define EARSHOT_PLATFORM_CLI_BENCH_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/cli/model_loader.h"
#include "platform/cli/roofline.h"
#include "platform/cli/speech_model.h"
#include "platform/cli/statistics.h"
#include "platform/cpu/cpu_info.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"

namespace earshot::cli {

struct BenchPlan {
  size_t num_threads = 1;
  std::string packed_weights = kAutoPackedWeights;
  int repeats = 10;        // of everything but loading
  int num_tokens = 64;     // decoded one by one after the prompt, cut to what the model can hold
  std::string audio_path;  // transcribed as a whole too; empty: only synthetic audio
  std::string trace_path;  // where to write a trace of all ops; empty: nowhere
  bool roofline = false;   // compare with the limits of the machine too
};

// The transcription of the given recording.
struct TranscriptionTimes {
  double audio_s = 0;
  int64_t windows = 0;
  int64_t tokens = 0;
  Spread total_ms, features_ms, encode_ms, decode_ms;
};

struct BenchReport {
  std::string path;
  std::string family;
  std::string name;
  CpuInfo cpu;
  std::string simd_level;  // of our own kernels
  size_t num_threads = 0;
  std::string packed_weights;  // the file in use, or kNoPackedWeights
  int repeats = 0;
  MemoryRequirements memory = {};
  uint64_t peak_memory_bytes = 0;

  double window_s = 0;
  Spread load_ms = {};          // mapping, checking, packing
  Spread encode_ms = {};        // a full window
  Spread encode_audio_ms = {};  // the same with the features
  double first_token_audio_s = 0;
  Spread first_token_ms = {};  // features, encode, prefill and one step, for so much audio
  int64_t prompt_tokens = 0;
  Spread prefill_ms = {};
  Spread token_ms = {};                        // over all positions
  std::vector<double> token_position_ms = {};  // medians; [i] is position prompt_tokens + i
  std::optional<TranscriptionTimes> transcription = {};
  std::optional<RooflineReport> roofline = {};
};

// Errors: those of loading and of the session; kUnsupported where the family has no steps to measure;
// kCancelled.
Result<BenchReport> RunBench(const std::string& model_path, const BenchPlan& plan);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_BENCH_RUNNER_H_
