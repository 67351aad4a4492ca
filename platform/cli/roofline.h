// How near the ops of a model come to the limits of the machine (Williams et al. 2009, "Roofline").
#ifndef EARSHOT_PLATFORM_CLI_ROOFLINE_H_
#define EARSHOT_PLATFORM_CLI_ROOFLINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platform/cli/machine_limits.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/op_trace.h"
#include "platform/cli/statistics.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"

namespace earshot::cli {

// Kinds of ops that share a limit. Every op belongs to one.
enum class OpGroup : uint8_t {
  kDenseInt8,
  kDenseInt4,
  kDenseF32,  // f16 weights too: they are computed in f32
  kLogits,    // a dense layer that makes an output of its method
  kConvolution,
  kAttention,
  kCausalAttention,
  kNorm,
  kActivation,
  kAdd,
  kEmbedding,
};
constexpr size_t kNumOpGroups = 11;

const char* OpGroupName(OpGroup group);
OpGroup GroupOf(const fb::Model& model, const fb::Method& method, const fb::Op& op);

// Time and work, of one run of a method.
struct GroupTimes {
  double time_s = 0;
  double limit_s = 0;          // the shortest time possible
  double compute_limit_s = 0;  // the part of it from ops that arithmetic bounds; the rest is bound by reading
  double multiply_adds = 0;
  double bytes = 0;
};
struct RunTimes {
  std::array<GroupTimes, kNumOpGroups> groups;
  GroupTimes total;
};

// The mean over the runs of methods in `ops`. An op's shortest time is that of its arithmetic at the peak or
// that of its bytes at the read rate, whichever is longer. Weights and states are read once a run, so at the
// rate of all of them together; activations at the rate of a working set as large as the op's.
// Precondition: `ops` is not empty, and begins with the first op of a method.
RunTimes AverageRuns(const Program& program, std::span<const OpRecord> ops, const MachineLimits& limits);

struct RooflinePlan {
  size_t num_threads = 1;
  std::string packed_weights = kAutoPackedWeights;
  int repeats = 10;
  int num_tokens = 64;  // decoded one by one after the prompt, cut to what the model can hold
};

struct GroupReport {
  std::string name;
  Spread time_ms;  // of one run of the method
  Spread limit_ms;
  Spread share_of_limit;  // limit / time: 1 is the limit
  double share_of_time = 0;
  double gops = 0;  // operations, two a multiply-add, by the median time
  double gbps = 0;
  bool compute_bound = false;
};

struct PhaseReport {
  std::string name;  // "encode", "prefill", "token"
  GroupReport total;
  std::vector<GroupReport> groups;  // that occur
};

struct RooflineReport {
  struct Read {
    size_t size_bytes = 0;
    Spread gbps;
  };

  Spread f32_gops;
  Spread int8_gops;
  std::string int8_source;
  std::vector<Read> reads;
  std::vector<PhaseReport> phases;
};

// Measures limits before and after each phase, so that both meet the same clock, in a session of its own; the
// higher ones count.
// Errors: as RunBench.
Result<RooflineReport> RunRoofline(const std::string& model_path, const RooflinePlan& plan);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_ROOFLINE_H_
