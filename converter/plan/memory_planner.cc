// Lays out states and io in order, activations by lifetime.
#include "converter/plan/memory_planner.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "converter/plan/greedy_by_size.h"
#include "converter/plan/liveness.h"
#include "runtime/core/dtype.h"
#include "runtime/memory/arena.h"

namespace earshot::plan {
namespace {

// Far above any device; keeps all sums below 2^64.
constexpr uint64_t kMaxBlockBytes = uint64_t{1} << 40;

uint64_t WithTail(uint64_t end) { return end == 0 ? 0 : end + kReadableTailBytes; }

uint64_t PlanStates(ir::Graph& graph) {
  uint64_t end = 0;
  for (ir::State& state : graph.states) {
    state.offset_bytes = end;
    end += AlignUp(
        DTypeBytes(state.dtype, static_cast<uint64_t>(state.rows) * static_cast<uint64_t>(state.cols)));
  }
  return WithTail(end);
}

uint64_t PlanInputsAndOutputs(ir::Graph& graph) {
  uint64_t end = 0;
  for (ir::Method& method : graph.methods) {
    for (ir::Value& value : method.values) {
      if (!ir::IsInIo(value)) continue;
      value.offset_bytes = end;
      end += AlignUp(LargestBytes(method, value));
    }
  }
  return WithTail(end);
}

void PlanActivations(ir::Method& method, ir::MemoryPlan& plan) {
  std::vector<Buffer> buffers = MakeBuffers(method);
  plan.activation_bytes = std::max(plan.activation_bytes, WithTail(AssignOffsets(buffers)));
  plan.activation_lower_bound_bytes = std::max(plan.activation_lower_bound_bytes, PeakLiveBytes(buffers));
  for (const Buffer& buffer : buffers) {
    for (const int value : buffer.values) {
      method.values[static_cast<size_t>(value)].offset_bytes = buffer.offset_bytes;
    }
  }
}

}  // namespace

Status PlanMemory(ir::Graph& graph) {
  graph.memory_plan = {};
  graph.memory_plan.state_bytes = PlanStates(graph);
  graph.memory_plan.io_bytes = PlanInputsAndOutputs(graph);
  for (ir::Method& method : graph.methods) PlanActivations(method, graph.memory_plan);
  const ir::MemoryPlan& plan = graph.memory_plan;
  if (std::max({plan.state_bytes, plan.io_bytes, plan.activation_bytes}) > kMaxBlockBytes) {
    return Status::Error(StatusCode::kUnsupported,
                         "the model needs more than a terabyte of memory: set smaller limits");
  }
  return Status::Ok();
}

}  // namespace earshot::plan
