// What each candidate pattern would do to each head of an encoder, measured while the encoder runs in full.
#ifndef EARSHOT_CONVERTER_CALIBRATE_HEAD_ERRORS_H_
#define EARSHOT_CONVERTER_CALIBRATE_HEAD_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "converter/ir/graph.h"
#include "runtime/attention/attention_pattern.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/engine/session.h"

namespace earshot::calibrate {

// The keys that a pattern selects, as the runtime selects them.
std::unique_ptr<AttentionPattern> MakePattern(const ir::HeadPattern& pattern);

// Where an encoder layer lies in the method "encode": its attention, and what follows it.
struct EncoderLayer {
  int attend = -1;    // ops
  int residual = -1;  // the sum of the layer's input and the projection of its attention
  int64_t num_heads = 0;
  int64_t head_dim = 0;
  std::vector<float> gram;  // [heads][D][D], product of the projection's columns of a head with themselves
};

// In the order of layers. kUnsupported where an attention op is not followed by a projection and a sum.
Result<std::vector<EncoderLayer>> FindEncoderLayers(const ir::Graph& graph, int* method);

// As an observer it attends with every candidate beside the encoder's own attention, and sums up what the
// difference is after the layer's projection. Threads: one session at a time.
class HeadErrors {
 public:
  HeadErrors(const ir::Graph& graph, int method, std::vector<EncoderLayer> layers,
             std::span<const ir::HeadPattern> candidates, const ThreadPool& pool);

  // To be handed to the session; borrowed by it.
  OpObserver observer();

  // Energy of the difference that the candidate makes to the residual stream through this head, over the
  // energy of that stream behind the layer.
  double Relative(size_t layer, size_t head, size_t candidate) const;

  const std::vector<EncoderLayer>& layers() const { return layers_; }

 private:
  void Measure(size_t layer, const OpOperands& operands);
  void AddEnergy(size_t layer, const OpOperands& operands);
  double& Sum(size_t layer, size_t head, size_t candidate);

  int method_;
  std::vector<EncoderLayer> layers_;
  std::vector<float> scales_;  // of the scores, by layer
  std::vector<std::unique_ptr<AttentionPattern>> candidates_;
  ThreadPool pool_;
  std::vector<double> sums_;      // [layer][head][candidate]
  std::vector<double> energies_;  // [layer]
  size_t max_heads_ = 0;
  std::vector<float> full_, changed_;
  std::vector<std::byte> workspace_;
};

}  // namespace earshot::calibrate

#endif  // EARSHOT_CONVERTER_CALIBRATE_HEAD_ERRORS_H_
