// Beam search over a decoding method with caches, in the form that transformers' generate has: finished
// hypotheses are kept apart, ranked by their log-probability divided by length^length_penalty.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/common/best_candidates.h"
#include "models/loops/cache_snapshots.h"
#include "models/loops/drivers.h"
#include "models/loops/token_method.h"
#include "runtime/kernels/kernels.h"

namespace earshot::loops {
namespace {

constexpr int64_t kMaxBeams = 64;
// Of all beams but the first, which begin as its copies.
constexpr float kUnlikely = -1e9f;

struct Settings {
  int64_t beams = 4;
  int64_t returned = 1;
  int64_t max_tokens = 0;
  int32_t start = 0;
  int32_t end_of_text = -1;
  int32_t padding = 0;
  int32_t suppressed = -1;  // a token that is never chosen
  double length_penalty = 1.0;
  bool stops_early = false;  // as soon as there are enough finished hypotheses
};

Result<Settings> ReadSettings(const LoopContext& context) {
  Settings settings;
  settings.beams = static_cast<int64_t>(context.Setting("num_beams", 4));
  settings.returned = static_cast<int64_t>(context.Setting("num_returned", 1));
  EARSHOT_ASSIGN_OR_RETURN(settings.max_tokens, context.Integer("max_tokens"));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t start, context.Integer("start"));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t end_of_text, context.Integer("eos"));
  settings.start = static_cast<int32_t>(start);
  settings.end_of_text = static_cast<int32_t>(end_of_text);
  settings.padding = static_cast<int32_t>(context.Setting("pad", 0));
  settings.suppressed = static_cast<int32_t>(context.Setting("suppressed", -1));
  settings.length_penalty = context.Setting("length_penalty", 1.0);
  settings.stops_early = context.Setting("early_stopping", 0) != 0;
  if (settings.beams >= 1 && settings.beams <= kMaxBeams && settings.returned >= 1 &&
      settings.returned <= settings.beams && settings.max_tokens >= 1)
    return settings;
  return Status::Error(StatusCode::kInvalidArgument,
                       "%lld beams of which %lld are returned, up to %lld tokens: at most %lld beams",
                       static_cast<long long>(settings.beams), static_cast<long long>(settings.returned),
                       static_cast<long long>(settings.max_tokens), static_cast<long long>(kMaxBeams));
}

// Tokens of one hypothesis, the start token first.
struct Hypothesis {
  float score = 0.0f;
  int64_t length = 0;
  std::span<int32_t> tokens;
};

void Assign(Hypothesis& to, const Hypothesis& from) {
  to.score = from.score;
  to.length = from.length;
  std::copy_n(from.tokens.begin(), from.length, to.tokens.begin());
}

class BeamSearch {
 public:
  BeamSearch(const Settings& settings, TokenMethod& method) : settings_(settings), method_(method) {}

  Status Allocate(Run& run) {
    EARSHOT_ASSIGN_OR_RETURN(running_, MakeHypotheses(settings_.beams, run));
    EARSHOT_ASSIGN_OR_RETURN(next_, MakeHypotheses(settings_.beams, run));
    EARSHOT_ASSIGN_OR_RETURN(finished_, MakeHypotheses(settings_.beams + 1, run));
    EARSHOT_ASSIGN_OR_RETURN(candidates_, run.Scratch<BeamCandidate>(2 * settings_.beams));
    // Two halves, since a beam may go on in several.
    EARSHOT_ASSIGN_OR_RETURN(
        snapshots_, CacheSnapshots::Create(method_.run(), 2 * settings_.beams, settings_.max_tokens, run));
    return Status::Ok();
  }

  Status Search() {
    num_running_ = settings_.beams;
    for (int64_t beam = 0; beam < num_running_; ++beam) {
      Hypothesis& hypothesis = running_[static_cast<size_t>(beam)];
      hypothesis.score = beam == 0 ? 0.0f : kUnlikely;
      hypothesis.length = 1;
      hypothesis.tokens[0] = settings_.start;
    }
    for (int64_t step = 1; step <= settings_.max_tokens; ++step) {
      BestCandidates best(candidates_);
      EARSHOT_RETURN_IF_ERROR(Expand(step - 1, best));
      Finish(best.all(), step);
      Continue(best.all(), step);
      if (num_running_ == 0 || IsDone(step)) break;
    }
    return Status::Ok();
  }

  Status PutOut(Run& run) const {
    const int64_t count = std::min(settings_.returned, num_finished_);
    int64_t longest = 1;
    for (int64_t i = 0; i < count; ++i) longest = std::max(longest, finished_[static_cast<size_t>(i)].length);
    EARSHOT_ASSIGN_OR_RETURN(const Array* tokens,
                             run.AddOutput("tokens", {.dtype = DType::kI32, .rows = count, .cols = longest}));
    EARSHOT_ASSIGN_OR_RETURN(const Array* scores, run.AddOutput("scores", {.rank = 1, .rows = count}));
    for (int64_t i = 0; i < count; ++i) {
      const Hypothesis& hypothesis = finished_[static_cast<size_t>(i)];
      std::fill_n(tokens->Row<int32_t>(i), longest, settings_.padding);
      std::copy_n(hypothesis.tokens.begin(), hypothesis.length, tokens->Row<int32_t>(i));
      *scores->Row<float>(i) = hypothesis.score;
    }
    return Status::Ok();
  }

 private:
  Result<std::span<Hypothesis>> MakeHypotheses(int64_t count, Run& run) const {
    EARSHOT_ASSIGN_OR_RETURN(const std::span<Hypothesis> hypotheses, run.Scratch<Hypothesis>(count));
    for (Hypothesis& hypothesis : hypotheses) {
      EARSHOT_ASSIGN_OR_RETURN(hypothesis.tokens, run.Scratch<int32_t>(settings_.max_tokens + 1));
    }
    return hypotheses;
  }

  float LengthNorm(int64_t length) const {
    return static_cast<float>(std::pow(static_cast<double>(length), settings_.length_penalty));
  }

  // Snapshots of the running beams lie in one half, those of the next step go to the other one.
  int64_t SnapshotOf(int64_t beam) const { return half_ * settings_.beams + beam; }

  Status Expand(int64_t position, BestCandidates& best) {
    for (int64_t beam = 0; beam < num_running_; ++beam) {
      const Hypothesis& hypothesis = running_[static_cast<size_t>(beam)];
      snapshots_.Load(SnapshotOf(beam), position);
      EARSHOT_ASSIGN_OR_RETURN(
          const std::span<const float> logits,
          method_.Decode(hypothesis.tokens.subspan(static_cast<size_t>(position), 1), position));
      snapshots_.Store(SnapshotOf(beam), position);
      const float log_sum = kernels::LogSumExp(logits);
      for (size_t i = 0; i < logits.size(); ++i) {
        const int32_t token = static_cast<int32_t>(i);
        if (token != settings_.suppressed) best.Add({logits[i] - log_sum + hypothesis.score, beam, token});
      }
    }
    return Status::Ok();
  }

  bool IsFinished(const BeamCandidate& candidate, int64_t step) const {
    return candidate.token == settings_.end_of_text || step == settings_.max_tokens;
  }

  // Only candidates among the first `beams` may end; the best of old and new ones stay.
  void Finish(std::span<const BeamCandidate> candidates, int64_t step) {
    if (settings_.stops_early && num_finished_ >= settings_.beams) return;
    for (const BeamCandidate& candidate :
         candidates.first(std::min(candidates.size(), static_cast<size_t>(settings_.beams)))) {
      if (!IsFinished(candidate, step)) continue;
      const float score = candidate.score / LengthNorm(step);
      if (num_finished_ == settings_.beams &&
          score <= finished_[static_cast<size_t>(num_finished_ - 1)].score)
        continue;
      size_t at = static_cast<size_t>(num_finished_);
      Extend(running_[static_cast<size_t>(candidate.beam)], candidate.token, finished_[at]);
      finished_[at].score = score;
      for (; at > 0 && finished_[at - 1].score < score; --at) std::swap(finished_[at - 1], finished_[at]);
      num_finished_ = std::min(num_finished_ + 1, settings_.beams);
    }
  }

  void Continue(std::span<const BeamCandidate> candidates, int64_t step) {
    int64_t count = 0;
    for (const BeamCandidate& candidate : candidates) {
      if (IsFinished(candidate, step) || count == settings_.beams) continue;
      Hypothesis& hypothesis = next_[static_cast<size_t>(count)];
      Extend(running_[static_cast<size_t>(candidate.beam)], candidate.token, hypothesis);
      hypothesis.score = candidate.score;
      snapshots_.Copy(SnapshotOf(candidate.beam), (1 - half_) * settings_.beams + count, step);
      ++count;
    }
    std::swap(running_, next_);
    half_ = 1 - half_;
    num_running_ = count;
  }

  static void Extend(const Hypothesis& from, int32_t token, Hypothesis& to) {
    Assign(to, from);
    to.tokens[static_cast<size_t>(to.length++)] = token;
  }

  bool IsDone(int64_t step) const {
    if (num_finished_ < settings_.beams) return false;
    return settings_.stops_early ||
           running_[0].score / LengthNorm(step) <= finished_[static_cast<size_t>(num_finished_ - 1)].score;
  }

  const Settings& settings_;
  TokenMethod& method_;
  std::span<Hypothesis> running_, next_;
  std::span<Hypothesis> finished_;  // best first
  std::span<BeamCandidate> candidates_;
  CacheSnapshots snapshots_;
  int64_t num_running_ = 0;
  int64_t num_finished_ = 0;
  int64_t half_ = 0;
};

}  // namespace

Status RunBeam(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const Settings settings, ReadSettings(context));
  EARSHOT_ASSIGN_OR_RETURN(TokenMethod method, TokenMethod::Prepare(context));
  BeamSearch search(settings, method);
  EARSHOT_RETURN_IF_ERROR(search.Allocate(context.run));
  EARSHOT_RETURN_IF_ERROR(search.Search());
  return search.PutOut(context.run);
}

}  // namespace earshot::loops
