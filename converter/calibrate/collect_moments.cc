// An observer of every Linear op of a model that transcribes.
#include "converter/calibrate/collect_moments.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <variant>

#include "converter/calibrate/whisper_probe.h"
#include "converter/passes/pass.h"
#include "converter/passes/pipeline.h"
#include "converter/quantize/quantize.h"
#include "runtime/core/dtype.h"
#include "runtime/core/matrix_view.h"
#include "runtime/engine/session.h"
#include "runtime/ops/op.h"

namespace earshot::calibrate {
namespace {

constexpr int64_t kMaxRowsOfRun = 750;
constexpr int64_t kMaxTokens = 200;  // of a clip

class LinearInputs {
 public:
  LinearInputs(const ir::Graph& graph, const ThreadPool& pool) : pool_(pool) {
    for (const ir::Method& method : graph.methods) {
      auto& ops = moments_of_ops_.emplace_back();
      for (const ir::Op& op : method.ops) ops.push_back(MomentsOf(graph, method, op));
    }
  }

  OpObserver observer() {
    return {
        .context = this,
        .before = [](void* context, const OpRun& run) { static_cast<LinearInputs*>(context)->Observe(run); },
        .after = [](void*, const OpRun&) {}};
  }

  quantize::MomentsByTensor Take() { return std::move(moments_); }

 private:
  quantize::InputMoments* MomentsOf(const ir::Graph& graph, const ir::Method& method, const ir::Op& op) {
    if (!std::holds_alternative<ir::Linear>(op.attributes)) return nullptr;
    const ir::Value& weight = method.values[static_cast<size_t>(op.inputs[1])];
    if (weight.kind != ir::ValueKind::kConstant) return nullptr;
    const ir::Tensor& tensor = graph.tensors[static_cast<size_t>(weight.tensor)];
    return &moments_.try_emplace(tensor.name, tensor.cols).first->second;
  }

  void Observe(const OpRun& run) {
    quantize::InputMoments* moments =
        moments_of_ops_[static_cast<size_t>(run.method)][static_cast<size_t>(run.op)];
    if (moments == nullptr) return;
    const Matrix<const float> rows = run.operands.inputs[0].As<const float>();
    const int64_t step = (rows.rows + kMaxRowsOfRun - 1) / kMaxRowsOfRun;
    for (int64_t row = 0; row < rows.rows; row += step)
      moments->Add({rows.Row(row), static_cast<size_t>(rows.cols)}, pool_);
  }

  ThreadPool pool_;
  quantize::MomentsByTensor moments_;  // a map: its elements stay where they are
  std::vector<std::vector<quantize::InputMoments*>> moments_of_ops_;  // [method][op]; null for other ops
};

// As for the device, but every layer by itself: a fused one does not show what is between its matrices.
Status PrepareGraph(ir::Graph& graph) {
  std::vector<passes::Pass> unfused;
  std::ranges::copy_if(passes::Pipeline(), std::back_inserter(unfused),
                       [](const passes::Pass& pass) { return pass.run != passes::FuseFeedForward; });
  EARSHOT_RETURN_IF_ERROR(passes::RunPasses(graph, unfused));
  return quantize::Quantize(graph, {.weights = DType::kF32}).status();
}

}  // namespace

Result<quantize::MomentsByTensor> CollectMoments(ir::Graph graph, const std::vector<Clip>& clips,
                                                 const MomentsOptions& options) {
  EARSHOT_RETURN_IF_ERROR(PrepareGraph(graph));
  LinearInputs inputs(graph, options.pool);
  EARSHOT_ASSIGN_OR_RETURN(
      const auto probe, WhisperProbe::Create(graph, {.pool = options.pool, .observer = inputs.observer()}));
  for (size_t i = 0; i < clips.size(); ++i) {
    if (options.on_progress)
      options.on_progress("listening to clip " + std::to_string(i + 1) + " of " +
                          std::to_string(clips.size()));
    EARSHOT_RETURN_IF_ERROR(probe->Encode(clips[i]));
    EARSHOT_RETURN_IF_ERROR(probe->Greedy(kMaxTokens).status());
  }
  return inputs.Take();
}

}  // namespace earshot::calibrate
