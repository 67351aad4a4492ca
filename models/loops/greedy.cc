// Greedy decoding.
#include <algorithm>
#include <limits>

#include "models/loops/drivers.h"
#include "models/loops/token_method.h"
#include "runtime/kernels/kernels.h"

namespace earshot::loops {
namespace {

float SecondBest(std::span<const float> logits, int64_t best) {
  const size_t index = static_cast<size_t>(best);
  if (logits.size() < 2) return logits[index];
  float second = -std::numeric_limits<float>::infinity();
  if (index > 0) second = kernels::Max(logits.first(index)).value;
  if (index + 1 < logits.size()) second = std::max(second, kernels::Max(logits.subspan(index + 1)).value);
  return second;
}

}  // namespace

Status RunGreedy(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(TokenMethod method, TokenMethod::Prepare(context));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t start, context.Integer("start"));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t max_tokens, context.Integer("max_tokens"));
  const int64_t end_of_text = static_cast<int64_t>(context.Setting("eos", -1));
  EARSHOT_ASSIGN_OR_RETURN(
      Array * tokens, context.run.AddOutput("tokens", {.dtype = DType::kI32, .rank = 1, .rows = max_tokens}));
  EARSHOT_ASSIGN_OR_RETURN(Array * margins,
                           context.run.AddOutput("margins", {.rank = 1, .rows = max_tokens}));
  int32_t token = static_cast<int32_t>(start);
  int64_t count = 0;
  while (count < max_tokens) {
    EARSHOT_ASSIGN_OR_RETURN(const std::span<const float> logits, method.Decode({&token, 1}, count));
    const kernels::MaxResult best = kernels::Max(logits);
    token = static_cast<int32_t>(best.index);
    *tokens->Row<int32_t>(count) = token;
    *margins->Row<float>(count) = best.value - SecondBest(logits, best.index);
    ++count;
    if (token == end_of_text) break;
  }
  tokens->rows = margins->rows = count;
  return Status::Ok();
}

}  // namespace earshot::loops
