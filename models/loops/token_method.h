// A decoding method seen as a function from tokens to logits: what greedy and beam search have in common.
#ifndef EARSHOT_MODELS_LOOPS_TOKEN_METHOD_H_
#define EARSHOT_MODELS_LOOPS_TOKEN_METHOD_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "models/loops/loop.h"
#include "models/loops/method_run.h"
#include "runtime/core/status.h"

namespace earshot::loops {

// Wraps the last method of a loop, which has one i32 input of tokens [T, 1] and an output "logits" whose last
// row follows the last token; what else it reads are inputs of the run that stay as they are. Never
// allocates.
class TokenMethod {
 public:
  // Runs the methods before the last one over the inputs of the run and keeps their outputs. kInvalidModel if
  // the last one is no such method.
  static Result<TokenMethod> Prepare(const LoopContext& context);

  // Appends tokens at `position` of the caches; the logits of the last one. The memory is the same for every
  // call.
  Result<std::span<const float>> Decode(std::span<const int32_t> tokens, int64_t position);

  int64_t vocab_size() const { return vocab_size_; }
  const MethodRun& run() const { return run_; }

 private:
  explicit TokenMethod(const MethodRun& run) : run_(run) {}

  MethodRun run_;
  std::string_view ids_;
  int64_t vocab_size_ = 0;
};

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_TOKEN_METHOD_H_
