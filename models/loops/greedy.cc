// Greedy decoding.
#include <algorithm>
#include <limits>

#include "models/loops/drivers.h"
#include "models/loops/token_method.h"
#include "runtime/kernels/kernels.h"

namespace earshot::loops {
namespace {

// Without one token, if it is one.
kernels::MaxResult Best(std::span<const float> logits, int64_t suppressed) {
  kernels::MaxResult best = kernels::Max(logits);
  if (best.index != suppressed || logits.size() < 2) return best;
  const size_t index = static_cast<size_t>(suppressed);
  best = {.value = -std::numeric_limits<float>::infinity(), .index = index == 0 ? 1 : 0};
  if (index > 0) best = kernels::Max(logits.first(index));
  if (index + 1 == logits.size()) return best;
  const kernels::MaxResult after = kernels::Max(logits.subspan(index + 1));
  if (after.value > best.value) best = {.value = after.value, .index = after.index + suppressed + 1};
  return best;
}

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
  const int64_t suppressed = static_cast<int64_t>(context.Setting("suppressed", -1));
  EARSHOT_ASSIGN_OR_RETURN(
      Array * tokens, context.run.AddOutput("tokens", {.dtype = DType::kI32, .rank = 1, .rows = max_tokens}));
  EARSHOT_ASSIGN_OR_RETURN(Array * margins,
                           context.run.AddOutput("margins", {.rank = 1, .rows = max_tokens}));
  int32_t token = static_cast<int32_t>(start);
  int64_t count = 0;
  while (count < max_tokens) {
    EARSHOT_ASSIGN_OR_RETURN(const std::span<const float> logits, method.Decode({&token, 1}, count));
    const kernels::MaxResult best = Best(logits, suppressed);
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
