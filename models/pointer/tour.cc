// The loop over the steps.
#include "models/pointer/tour.h"

#include <algorithm>
#include <limits>

#include "models/loops/method_run.h"
#include "runtime/kernels/kernels.h"

namespace earshot::pointer {
namespace {

using loops::Array;
using loops::MethodRun;

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

Result<int64_t> Choose(std::span<const float> log_probs, const Array* forced, int64_t step) {
  if (forced == nullptr) return kernels::Max(log_probs).index;
  const int64_t node = *forced->Row<int32_t>(step);
  if (node >= 0 && node < std::ssize(log_probs)) return node;
  return Status::Error(StatusCode::kInvalidArgument, "there is no node %lld to go to",
                       static_cast<long long>(node));
}

void WriteIds(Matrix<int32_t> ids, int64_t first, int64_t last) {
  const int32_t count = static_cast<int32_t>(ids.rows);
  if (count == 2) *ids.Row(0) = static_cast<int32_t>(first) + count;
  *ids.Row(ids.rows - 1) = static_cast<int32_t>(last) + count;
}

}  // namespace

Status RunTour(const loops::LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view encode_name, context.Method(0));
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view step_name, context.Method(1));
  EARSHOT_ASSIGN_OR_RETURN(MethodRun encode, MethodRun::Bind(context.session, encode_name));
  EARSHOT_ASSIGN_OR_RETURN(MethodRun step, MethodRun::Bind(context.session, step_name));
  EARSHOT_RETURN_IF_ERROR(encode.FeedAll(context.run));
  EARSHOT_RETURN_IF_ERROR(encode.Execute());
  EARSHOT_RETURN_IF_ERROR(encode.KeepOutputs(context.run));
  step.SetAsIn(encode);
  const int64_t nodes = encode.SymbolOr("nodes", 0);
  const Array* forced = context.run.FindInput("forced");
  if (forced != nullptr && (forced->dtype != DType::kI32 || forced->rows != nodes))
    return Status::Error(StatusCode::kInvalidArgument, "\"forced\" does not name as many nodes as there are");
  EARSHOT_ASSIGN_OR_RETURN(
      const Array* actions,
      context.run.AddOutput("actions", {.dtype = DType::kI32, .rank = 1, .rows = nodes}));
  EARSHOT_ASSIGN_OR_RETURN(const Array* chosen,
                           context.run.AddOutput("step_logp", {.rank = 1, .rows = nodes}));
  EARSHOT_ASSIGN_OR_RETURN(const Array* full,
                           context.run.AddOutput("full_logp", {.rows = nodes, .cols = nodes}));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids_view, step.View("ids"));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView visited_view, step.View("visited"));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView choice_view, step.View("log_probs"));
  const auto ids = ids_view.As<int32_t>();
  if (ids_view.dtype != DType::kI32 || visited_view.cols != nodes || choice_view.cols != nodes)
    return Status::Error(StatusCode::kInvalidModel, "the step is none of a tour");
  for (int64_t i = 0; i < ids.rows; ++i) *ids.Row(i) = static_cast<int32_t>(i);
  float* visited = visited_view.As<float>().data;
  std::fill_n(visited, nodes, 0.0f);
  int64_t first = 0;
  for (int64_t i = 0; i < nodes; ++i) {
    EARSHOT_RETURN_IF_ERROR(step.Execute());
    const std::span<const float> log_probs(choice_view.As<const float>().data, static_cast<size_t>(nodes));
    EARSHOT_ASSIGN_OR_RETURN(const int64_t node, Choose(log_probs, forced, i));
    std::ranges::copy(log_probs, full->Row<float>(i));
    *actions->Row<int32_t>(i) = static_cast<int32_t>(node);
    *chosen->Row<float>(i) = log_probs[static_cast<size_t>(node)];
    if (i == 0) first = node;
    visited[node] = kImpossible;
    WriteIds(ids, first, node);
  }
  return Status::Ok();
}

}  // namespace earshot::pointer
