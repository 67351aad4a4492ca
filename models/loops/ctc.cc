// Connectionist temporal classification (Graves et al. 2006): greedy decoding, and the likelihood of labels
// by the forward pass of section 4.1.
#include <algorithm>
#include <cmath>
#include <limits>

#include "models/loops/ctc_collapse.h"
#include "models/loops/drivers.h"
#include "models/loops/method_run.h"
#include "runtime/kernels/kernels.h"

namespace earshot::loops {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

double LogAdd(double a, double b) {
  const double larger = std::max(a, b);
  return larger == kImpossible ? kImpossible : larger + std::log(std::exp(a - larger) + std::exp(b - larger));
}

// Labels with blanks between, before and after them.
class Path {
 public:
  Path(std::span<const int32_t> labels, int32_t blank) : labels_(labels), blank_(blank) {}

  size_t size() const { return 2 * labels_.size() + 1; }
  int32_t operator[](size_t i) const { return i % 2 == 0 ? blank_ : labels_[i / 2]; }
  // Whether the path may come to i from i - 2: over a blank between different labels.
  bool MaySkipTo(size_t i) const { return i % 2 == 1 && i >= 2 && labels_[i / 2] != labels_[i / 2 - 1]; }

 private:
  std::span<const int32_t> labels_;
  int32_t blank_;
};

double NegativeLogLikelihood(Matrix<const float> logits, const Path& path, std::span<double> alpha) {
  std::fill(alpha.begin(), alpha.end(), kImpossible);
  for (int64_t row = 0; row < logits.rows; ++row) {
    const float* frame = logits.Row(row);
    const double log_sum = static_cast<double>(kernels::LogSumExp({frame, static_cast<size_t>(logits.cols)}));
    for (size_t i = path.size(); i-- > 0;) {  // downwards: the sums of the frame before are still there
      double before = row == 0 ? (i < 2 ? 0.0 : kImpossible) : alpha[i];
      if (row > 0 && i > 0) before = LogAdd(before, alpha[i - 1]);
      if (row > 0 && path.MaySkipTo(i)) before = LogAdd(before, alpha[i - 2]);
      alpha[i] = before + static_cast<double>(frame[path[i]]) - log_sum;
    }
  }
  return path.size() == 1 ? -alpha[0] : -LogAdd(alpha[path.size() - 1], alpha[path.size() - 2]);
}

}  // namespace

Status RunCtcGreedy(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view name, context.Method(0));
  EARSHOT_ASSIGN_OR_RETURN(MethodRun method, MethodRun::Bind(context.session, name));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t blank, context.Integer("blank"));
  EARSHOT_RETURN_IF_ERROR(method.FeedAll(context.run));
  EARSHOT_RETURN_IF_ERROR(method.Execute());
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, method.View("argmax"));
  const auto best = view.As<const int32_t>();
  EARSHOT_ASSIGN_OR_RETURN(
      Array * tokens, context.run.AddOutput("tokens", {.dtype = DType::kI32, .rank = 1, .rows = best.rows}));
  CtcCollapse collapse(static_cast<int32_t>(blank));
  int64_t count = 0;
  for (int64_t row = 0; row < best.rows; ++row) {
    if (collapse.BeginsToken(*best.Row(row))) *tokens->Row<int32_t>(count++) = *best.Row(row);
  }
  tokens->rows = count;
  return Status::Ok();
}

Status RunCtcNll(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view name, context.Method(0));
  EARSHOT_ASSIGN_OR_RETURN(MethodRun method, MethodRun::Bind(context.session, name));
  EARSHOT_RETURN_IF_ERROR(method.FeedAll(context.run));
  EARSHOT_RETURN_IF_ERROR(method.Execute());
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, method.View("logits"));
  EARSHOT_ASSIGN_OR_RETURN(const Array labels, context.run.Input("labels", DType::kI32));
  const auto logits = view.As<const float>();
  const int64_t frames = static_cast<int64_t>(context.Setting("frames", static_cast<double>(logits.rows)));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t blank, context.Integer("blank"));
  const auto in_vocabulary = [&](int64_t label) { return label >= 0 && label < logits.cols; };
  if (frames < 1 || frames > logits.rows || !in_vocabulary(blank) ||
      !std::ranges::all_of(labels.As<const int32_t>(), in_vocabulary))
    return Status::Error(StatusCode::kInvalidArgument, "frames, blank or a label is out of range");
  const Path path(labels.As<const int32_t>(), static_cast<int32_t>(blank));
  EARSHOT_ASSIGN_OR_RETURN(const std::span<double> alpha,
                           context.run.Scratch<double>(static_cast<int64_t>(path.size())));
  EARSHOT_ASSIGN_OR_RETURN(Array * result, context.run.AddOutput("nll", {.rank = 1, .rows = 1}));
  *result->Row<float>(0) = static_cast<float>(NegativeLogLikelihood(logits.Rows(0, frames), path, alpha));
  return Status::Ok();
}

}  // namespace earshot::loops
