// Runs the kernel of the runtime once for each candidate, with the same pattern in all heads.
#include "converter/calibrate/head_errors.h"

#include <algorithm>
#include <utility>

#include "converter/patterns/pattern_list.h"
#include "converter/quantize/weight_quantizer.h"
#include "runtime/attention/attention.h"
#include "runtime/attention/patterns/window_pattern.h"
#include "runtime/memory/arena.h"
#include "runtime/ops/op.h"
#include "runtime/schema/validate.h"

namespace earshot::calibrate {
namespace {

// Every so many query rows are compared: neighbours look at nearly the same keys.
constexpr int64_t kRowStep = 3;

WindowSpec SpecOf(const ir::HeadPattern& pattern) {
  WindowSpec spec = {.causal = pattern.causal};
  for (const ir::KeySelection& selection : pattern.selections) {
    switch (selection.kind) {
      case ir::SelectionKind::kAll:
        spec.left = spec.right = kMaxDimension;
        break;
      case ir::SelectionKind::kLocal:
        spec.left = selection.left;
        spec.right = selection.right;
        break;
      case ir::SelectionKind::kGlobal:
        spec.global = selection.count;
        break;
      case ir::SelectionKind::kStrided:
        spec.beyond = KeysBeyond::kStrided;
        spec.step = selection.step;
        spec.offset = selection.offset;
        break;
      case ir::SelectionKind::kPooled:
        spec.beyond = KeysBeyond::kPooled;
        spec.step = selection.step;
        break;
      case ir::SelectionKind::kBucket:
      case ir::SelectionKind::kDilated:
      case ir::SelectionKind::kListed:
      case ir::SelectionKind::kBlocks:
        break;  // belong to architectures; nobody offers them as candidates
      case ir::SelectionKind::kPaired:
      case ir::SelectionKind::kSummaries:
        break;  // never among the candidates
    }
  }
  return spec;
}

// The op that reads the value as its input `operand`; kNone.
template <class Attributes>
int FindUse(const ir::Method& method, int value, const std::vector<size_t>& operands) {
  for (size_t i = 0; i < method.ops.size(); ++i) {
    const ir::Op& op = method.ops[i];
    if (!std::holds_alternative<Attributes>(op.attributes)) continue;
    for (const size_t operand : operands) {
      if (operand < op.inputs.size() && op.inputs[operand] == value) return static_cast<int>(i);
    }
  }
  return ir::kNone;
}

// [heads][D][D] of a projection [d, heads * D].
std::vector<float> GramOfHeads(const std::vector<float>& weight, int64_t rows, int64_t num_heads,
                               int64_t dim) {
  std::vector<float> gram(static_cast<size_t>(num_heads * dim * dim));
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = weight.data() + row * num_heads * dim;
    for (int64_t head = 0; head < num_heads; ++head) {
      const float* part = from + head * dim;
      float* to = gram.data() + head * dim * dim;
      for (int64_t i = 0; i < dim; ++i) {
        for (int64_t j = 0; j < dim; ++j) to[i * dim + j] += part[i] * part[j];
      }
    }
  }
  return gram;
}

Result<EncoderLayer> FindLayer(const ir::Graph& graph, const ir::Method& method, int attend) {
  const ir::Op& op = method.ops[static_cast<size_t>(attend)];
  const int projection = FindUse<ir::Linear>(method, op.outputs[0], {0});
  const int residual =
      projection == ir::kNone
          ? ir::kNone
          : FindUse<ir::Add>(method, method.ops[static_cast<size_t>(projection)].outputs[0], {0, 1});
  if (residual == ir::kNone) {
    return Status::Error(StatusCode::kUnsupported,
                         "\"%s\" is not followed by a projection and a sum: its heads cannot be measured",
                         op.name.c_str());
  }
  const int weight = method.ops[static_cast<size_t>(projection)].inputs[1];
  const ir::Tensor& tensor =
      graph.tensors[static_cast<size_t>(method.values[static_cast<size_t>(weight)].tensor)];
  const auto& attention = std::get<ir::Attention>(op.attributes);
  EncoderLayer layer = {.attend = attend, .residual = residual, .num_heads = attention.num_heads};
  layer.head_dim = tensor.cols / layer.num_heads;
  layer.gram = GramOfHeads(quantize::DecodeTensor(tensor), tensor.rows, layer.num_heads, layer.head_dim);
  return layer;
}

double Quadratic(const float* gram, const std::vector<float>& x) {
  const size_t dim = x.size();
  double sum = 0.0;
  for (size_t i = 0; i < dim; ++i) {
    float row = 0.0f;
    for (size_t j = 0; j < dim; ++j) row += gram[i * dim + j] * x[j];
    sum += static_cast<double>(row * x[i]);
  }
  return sum;
}

}  // namespace

std::unique_ptr<AttentionPattern> MakePattern(const ir::HeadPattern& pattern) {
  return std::make_unique<WindowPattern>(SpecOf(pattern));
}

Result<std::vector<EncoderLayer>> FindEncoderLayers(const ir::Graph& graph, int* method) {
  std::vector<EncoderLayer> layers;
  for (size_t m = 0; m < graph.methods.size(); ++m) {
    for (size_t i = 0; i < graph.methods[m].ops.size(); ++i) {
      if (!patterns::IsEncoderAttention(graph, graph.methods[m].ops[i])) continue;
      EARSHOT_ASSIGN_OR_RETURN(EncoderLayer layer, FindLayer(graph, graph.methods[m], static_cast<int>(i)));
      layers.push_back(std::move(layer));
      *method = static_cast<int>(m);
    }
  }
  if (layers.empty())
    return Status::Error(StatusCode::kUnsupported, "the model has no encoder attention to measure");
  return layers;
}

HeadErrors::HeadErrors(const ir::Graph& graph, int method, std::vector<EncoderLayer> layers,
                       std::span<const ir::HeadPattern> candidates, const ThreadPool& pool)
    : method_(method), layers_(std::move(layers)), pool_(pool) {
  for (const ir::HeadPattern& candidate : candidates) candidates_.push_back(MakePattern(candidate));
  for (const EncoderLayer& layer : layers_) {
    const ir::Op& op = graph.methods[static_cast<size_t>(method)].ops[static_cast<size_t>(layer.attend)];
    scales_.push_back(std::get<ir::Attention>(op.attributes).scale);
    max_heads_ = std::max(max_heads_, static_cast<size_t>(layer.num_heads));
  }
  energies_.resize(layers_.size());
  sums_.resize(layers_.size() * max_heads_ * candidates_.size());
}

OpObserver HeadErrors::observer() {
  // Before the op: its output may replace the queries in memory.
  return {.context = this,
          .before =
              [](void* context, const OpRun& run) {
                auto& self = *static_cast<HeadErrors*>(context);
                for (size_t layer = 0; run.method == self.method_ && layer < self.layers_.size(); ++layer) {
                  if (run.op == self.layers_[layer].attend) self.Measure(layer, run.operands);
                }
              },
          .after =
              [](void* context, const OpRun& run) {
                auto& self = *static_cast<HeadErrors*>(context);
                for (size_t layer = 0; run.method == self.method_ && layer < self.layers_.size(); ++layer) {
                  if (run.op == self.layers_[layer].residual) self.AddEnergy(layer, run.operands);
                }
              }};
}

double& HeadErrors::Sum(size_t layer, size_t head, size_t candidate) {
  return sums_[(layer * max_heads_ + head) * candidates_.size() + candidate];
}

double HeadErrors::Relative(size_t layer, size_t head, size_t candidate) const {
  const double sum = sums_[(layer * max_heads_ + head) * candidates_.size() + candidate];
  return energies_[layer] > 0.0 ? sum / energies_[layer] : 0.0;
}

void HeadErrors::AddEnergy(size_t layer, const OpOperands& operands) {
  const Matrix<const float> stream = operands.outputs[0].As<const float>();
  for (int64_t row = 0; row < stream.rows; row += kRowStep) {
    for (int64_t col = 0; col < stream.cols; ++col) {
      const double x = static_cast<double>(stream.Row(row)[col]);
      energies_[layer] += x * x;
    }
  }
}

void HeadErrors::Measure(size_t index, const OpOperands& operands) {
  const EncoderLayer& layer = layers_[index];
  const Matrix<const float> q = operands.inputs[0].As<const float>();
  full_.resize(static_cast<size_t>(q.rows * q.cols));
  changed_.resize(full_.size());
  AttentionOperands<float> attention = {.q = q,
                                        .k = operands.inputs[1].As<const float>(),
                                        .v = operands.inputs[2].As<const float>(),
                                        .out = {full_.data(), q.rows, q.cols, q.cols}};
  AttentionParams params = {.shape = {.num_heads = layer.num_heads,
                                      .num_kv_heads = attention.k.cols / layer.head_dim,
                                      .head_dim = layer.head_dim,
                                      .max_queries = q.rows,
                                      .max_keys = attention.k.rows},
                            .scale = scales_[index]};
  const auto attend = [&](const AttentionPattern* pattern) {
    params.pattern = pattern;
    params.shape.min_pool_length = pattern == nullptr ? 0 : pattern->PoolLength(0);
    const size_t bytes = AttentionWorkspaceBytes(params.shape, pool_.num_threads());
    workspace_.resize(bytes + kArenaAlignment);
    const size_t misalignment = reinterpret_cast<uintptr_t>(workspace_.data()) % kArenaAlignment;
    Attend(params, attention, {workspace_.data() + (kArenaAlignment - misalignment), bytes}, pool_);
  };
  attend(nullptr);
  attention.out.data = changed_.data();
  std::vector<float> difference(static_cast<size_t>(layer.head_dim));
  for (size_t candidate = 0; candidate < candidates_.size(); ++candidate) {
    attend(candidates_[candidate].get());
    for (int64_t head = 0; head < layer.num_heads; ++head) {
      const float* gram = layer.gram.data() + head * layer.head_dim * layer.head_dim;
      double& sum = Sum(index, static_cast<size_t>(head), candidate);
      for (int64_t row = 0; row < q.rows; row += kRowStep) {
        const size_t at = static_cast<size_t>(row * q.cols + head * layer.head_dim);
        for (size_t i = 0; i < difference.size(); ++i) difference[i] = changed_[at + i] - full_[at + i];
        sum += Quadratic(gram, difference);
      }
    }
  }
}

}  // namespace earshot::calibrate
