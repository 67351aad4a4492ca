// The rounds for each length, and the choice among them.
#include "models/nat/refine.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "models/loops/method_run.h"
#include "runtime/kernels/kernels.h"

namespace earshot::nat {
namespace {

using loops::Array;
using loops::MethodRun;

constexpr int64_t kMinLength = 2;       // bos and eos
constexpr int64_t kLengthOrigin = 128;  // of predicted offsets

struct Settings {
  int32_t begin = 0, end = 0, mask = 0;
  int64_t iterations = 0, length_beam = 1;
  bool masks_worst = false, is_adaptive = true, predicts_offset = false;
};

struct Hypothesis {
  std::span<int32_t> tokens;
  std::span<float> scores;
  float score = 0.0f;
  int64_t steps = 0;
};

class Refiner {
 public:
  Refiner(const loops::LoopContext& context, const Settings& settings, const MethodRun& encode)
      : context_(context), settings_(settings), source_length_(encode.SymbolOr("source", 1)) {}

  Status Prepare(const MethodRun& encode) {
    EARSHOT_RETURN_IF_ERROR(BindDecoder(1, encode, decode_));
    copies_source_ = context_.num_methods() > 2;
    return copies_source_ ? BindDecoder(2, encode, copied_) : Status::Ok();
  }

  // The tokens of a length before the first pass.
  void Begin(std::span<int32_t> tokens) const {
    std::ranges::fill(tokens, settings_.mask);
    tokens.front() = settings_.begin;
    tokens.back() = settings_.end;
  }

  Result<Hypothesis> Refine(int64_t length) {
    Hypothesis hypothesis;
    EARSHOT_ASSIGN_OR_RETURN(hypothesis.tokens, context_.run.Scratch<int32_t>(length));
    EARSHOT_ASSIGN_OR_RETURN(hypothesis.scores, context_.run.Scratch<float>(length));
    Begin(hypothesis.tokens);
    EARSHOT_RETURN_IF_ERROR(KeepHistory(hypothesis));
    EARSHOT_ASSIGN_OR_RETURN(const std::span<int32_t> before, context_.run.Scratch<int32_t>(length));
    for (int64_t step = 0; step <= settings_.iterations; ++step) {
      hypothesis.steps = step;
      std::ranges::copy(hypothesis.tokens, before.begin());
      EARSHOT_RETURN_IF_ERROR(Predict(hypothesis, step));
      EARSHOT_RETURN_IF_ERROR(KeepHistory(hypothesis));
      if (settings_.masks_worst && step < settings_.iterations) {
        MaskWorst(hypothesis, step);
        EARSHOT_RETURN_IF_ERROR(KeepHistory(hypothesis));
      }
      if (settings_.is_adaptive && std::ranges::equal(before, hypothesis.tokens)) break;
    }
    double sum = 0.0;
    for (const float score : hypothesis.scores) sum += static_cast<double>(score);
    hypothesis.score = static_cast<float>(sum / static_cast<double>(length));
    return hypothesis;
  }

 private:
  Status BindDecoder(size_t index, const MethodRun& encode, MethodRun& decoder) {
    EARSHOT_ASSIGN_OR_RETURN(const std::string_view name, context_.Method(index));
    EARSHOT_ASSIGN_OR_RETURN(decoder, MethodRun::Bind(context_.session, name));
    decoder.SetAsIn(encode);
    return Status::Ok();
  }

  // The source row that stands for each token: spread evenly, ties to even, in f32.
  Status FeedCopiedRows(int64_t length) {
    EARSHOT_RETURN_IF_ERROR(copied_.FitInput("copied_rows", length, 1));
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView rows, copied_.View("copied_rows"));
    const float step = static_cast<float>(source_length_ - 1) / static_cast<float>(length - 1);
    for (int64_t i = 0; i < length; ++i)
      *rows.As<int32_t>().Row(i) = static_cast<int32_t>(std::nearbyint(step * static_cast<float>(i)));
    return Status::Ok();
  }

  Status FeedTokens(std::span<const int32_t> tokens) {
    EARSHOT_RETURN_IF_ERROR(decode_.FitInput("tokens", std::ssize(tokens), 1));
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView rows, decode_.View("tokens"));
    for (size_t i = 0; i < tokens.size(); ++i) *rows.As<int32_t>().Row(static_cast<int64_t>(i)) = tokens[i];
    return Status::Ok();
  }

  // One pass.
  Status Predict(Hypothesis& hypothesis, int64_t step) {
    const bool is_copied = copies_source_ && step == 0;
    EARSHOT_RETURN_IF_ERROR(is_copied ? FeedCopiedRows(std::ssize(hypothesis.tokens))
                                      : FeedTokens(hypothesis.tokens));
    MethodRun& decoder = is_copied ? copied_ : decode_;
    EARSHOT_RETURN_IF_ERROR(decoder.Execute());
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, decoder.View("logprobs"));
    const auto logprobs = view.As<const float>();
    for (size_t i = 0; i < hypothesis.tokens.size(); ++i) {
      if (settings_.masks_worst && hypothesis.tokens[i] != settings_.mask) continue;
      const kernels::MaxResult best =
          kernels::Max({logprobs.Row(static_cast<int64_t>(i)), static_cast<size_t>(logprobs.cols)});
      hypothesis.tokens[i] = static_cast<int32_t>(best.index);
      hypothesis.scores[i] = best.value;
    }
    return Status::Ok();
  }

  // Masks the tokens with the lowest scores, the earlier ones of equal scores.
  void MaskWorst(Hypothesis& hypothesis, int64_t step) const {
    const double share = 1.0 - static_cast<double>(step + 1) / static_cast<double>(settings_.iterations + 1);
    const auto count =
        static_cast<int64_t>(static_cast<double>(std::ssize(hypothesis.tokens) - kMinLength) * share);
    for (int64_t n = 0; n < count; ++n) {
      size_t worst = 0;
      bool is_found = false;
      for (size_t i = 0; i < hypothesis.tokens.size(); ++i) {
        if (hypothesis.tokens[i] == settings_.mask && hypothesis.scores[i] == 0.0f)
          continue;  // masked in this round
        if (is_found && hypothesis.scores[i] >= hypothesis.scores[worst]) continue;
        worst = i;
        is_found = true;
      }
      hypothesis.tokens[worst] = settings_.mask;
      hypothesis.scores[worst] = 0.0f;
    }
  }

  Status KeepHistory(const Hypothesis& hypothesis) {
    if (settings_.length_beam > 1) return Status::Ok();
    EARSHOT_ASSIGN_OR_RETURN(const std::string_view name, context_.run.NumberedName("history", num_kept_++));
    const int64_t length = std::ssize(hypothesis.tokens);
    EARSHOT_ASSIGN_OR_RETURN(const Array* kept,
                             context_.run.AddOutput(name, {.dtype = DType::kI32, .rank = 1, .rows = length}));
    std::ranges::copy(hypothesis.tokens, kept->Row<int32_t>(0));
    return Status::Ok();
  }

  const loops::LoopContext& context_;
  const Settings& settings_;
  int64_t source_length_;
  MethodRun decode_, copied_;
  bool copies_source_ = false;
  int64_t num_kept_ = 0;
};

Result<Settings> ReadSettings(const loops::LoopContext& context) {
  Settings settings;
  EARSHOT_ASSIGN_OR_RETURN(const int64_t begin, context.Integer("bos"));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t end, context.Integer("eos"));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t mask, context.Integer("mask"));
  settings.begin = static_cast<int32_t>(begin);
  settings.end = static_cast<int32_t>(end);
  settings.mask = static_cast<int32_t>(mask);
  EARSHOT_ASSIGN_OR_RETURN(settings.iterations, context.Integer("max_iterations"));
  EARSHOT_ASSIGN_OR_RETURN(settings.length_beam, context.Integer("length_beam"));
  settings.masks_worst = context.Setting("masks_worst", 0) != 0;
  settings.is_adaptive = context.Setting("adaptive", 1) != 0;
  settings.predicts_offset = context.Setting("predicts_offset", 0) != 0;
  if (settings.iterations >= 0 && settings.iterations <= 1000 && settings.length_beam >= 1 &&
      settings.length_beam <= 64)
    return settings;
  return Status::Error(StatusCode::kInvalidArgument, "max_iterations must be 0 to 1000, length_beam 1 to 64");
}

Status PutOut(loops::Run& run, const Hypothesis& best) {
  const int64_t length = std::ssize(best.tokens);
  EARSHOT_ASSIGN_OR_RETURN(const Array* tokens,
                           run.AddOutput("tokens", {.dtype = DType::kI32, .rank = 1, .rows = length}));
  EARSHOT_ASSIGN_OR_RETURN(const Array* scores, run.AddOutput("scores", {.rank = 1, .rows = length}));
  EARSHOT_ASSIGN_OR_RETURN(const Array* score, run.AddOutput("score", {.rank = 1, .rows = 1}));
  EARSHOT_ASSIGN_OR_RETURN(const Array* steps,
                           run.AddOutput("steps", {.dtype = DType::kI32, .rank = 1, .rows = 1}));
  std::ranges::copy(best.tokens, tokens->Row<int32_t>(0));
  std::ranges::copy(best.scores, scores->Row<float>(0));
  *score->Row<float>(0) = best.score;
  *steps->Row<int32_t>(0) = static_cast<int32_t>(best.steps);
  return Status::Ok();
}

}  // namespace

Status RunRefine(const loops::LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const Settings settings, ReadSettings(context));
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view encode_name, context.Method(0));
  EARSHOT_ASSIGN_OR_RETURN(MethodRun encode, MethodRun::Bind(context.session, encode_name));
  EARSHOT_RETURN_IF_ERROR(encode.FeedAll(context.run));
  EARSHOT_RETURN_IF_ERROR(encode.Execute());
  EARSHOT_RETURN_IF_ERROR(encode.KeepOutputs(context.run));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView lengths, encode.View("length_logprobs"));
  int64_t predicted = kernels::Max({lengths.As<const float>().data, static_cast<size_t>(lengths.cols)}).index;
  if (settings.predicts_offset) predicted += encode.SymbolOr("source", 0) - kLengthOrigin;
  EARSHOT_ASSIGN_OR_RETURN(
      const Array* length_out,
      context.run.AddOutput("length_pred", {.dtype = DType::kI32, .rank = 1, .rows = 1}));
  *length_out->Row<int32_t>(0) = static_cast<int32_t>(predicted);
  const int64_t length = std::max(predicted, kMinLength);
  Refiner refiner(context, settings, encode);
  EARSHOT_RETURN_IF_ERROR(refiner.Prepare(encode));
  EARSHOT_ASSIGN_OR_RETURN(
      const Array* first,
      context.run.AddOutput("init_tokens", {.dtype = DType::kI32, .rank = 1, .rows = length}));
  refiner.Begin(first->As<int32_t>());
  Hypothesis best;
  for (int64_t i = 0; i < settings.length_beam; ++i) {
    const int64_t tried = std::max(length + i - settings.length_beam / 2, kMinLength);
    EARSHOT_ASSIGN_OR_RETURN(const Hypothesis hypothesis, refiner.Refine(tried));
    if (best.tokens.empty() || hypothesis.score > best.score) best = hypothesis;
  }
  return PutOut(context.run, best);
}

}  // namespace earshot::nat
