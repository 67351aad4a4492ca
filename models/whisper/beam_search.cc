// The beams share every run of the network; what differs is how their next tokens are chosen.
#include "models/whisper/beam_search.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "models/common/sampling.h"
#include "runtime/kernels/kernels.h"

namespace earshot::whisper {
namespace {

// Where the beams stand.
int64_t PositionOf(const GenerationRequest& request, const Generation& generation) {
  return request.prompt_tokens + static_cast<int64_t>(generation.tokens.size()) - 1;
}

// Sequences of random numbers, one for each sample.
std::array<Pcg32, kMaxBeams> Streams(Pcg32& random) {
  const uint64_t seed = random.Next();
  static_assert(kMaxBeams == 5);
  return {Pcg32(seed, 1), Pcg32(seed, 2), Pcg32(seed, 3), Pcg32(seed, 4), Pcg32(seed, 5)};
}

}  // namespace

BeamSearch BeamSearch::Create(int64_t max_tokens, Arena& arena) {
  BeamSearch search;
  for (Generations* generations : {&search.running_, &search.next_, &search.finished_}) {
    for (Generation& generation : *generations) {
      auto* memory = arena.AllocateArray<int32_t>(static_cast<size_t>(max_tokens));
      if (memory != nullptr)
        generation.tokens = TokenList(std::span(memory, static_cast<size_t>(max_tokens)));
    }
  }
  return search;
}

Result<Matrix<float>> BeamSearch::Run(const GenerationRequest& request, Network& network) {
  std::array<int32_t, kMaxBeams> last{};
  for (size_t beam = 0; beam < num_running_; ++beam) last[beam] = running_[beam].tokens.tokens().back();
  return network.DecodeBeams(std::span(last).first(num_running_), PositionOf(request, running_[0]));
}

void BeamSearch::Finish(const Generation& hypothesis) {
  if (num_finished_ < finished_.size()) finished_[num_finished_++].Assign(hypothesis);
}

void BeamSearch::TakeBest(Generation& best) const {
  const Generation* likeliest = &finished_[0];
  for (size_t i = 1; i < num_finished_; ++i) {
    if (finished_[i].Rank() > likeliest->Rank()) likeliest = &finished_[i];
  }
  best.Assign(*likeliest);
}

void BeamSearch::Expand(const GenerationRequest& request, size_t beam, std::span<float> logits,
                        BestCandidates& candidates) const {
  const Generation& hypothesis = running_[beam];
  const auto sum = static_cast<float>(hypothesis.sum_logprob);
  request.rules.Apply(hypothesis.tokens.tokens(), logits);
  const float log_sum = kernels::LogSumExp(logits);
  if (log_sum == -std::numeric_limits<float>::infinity()) {  // everything forbidden: as good as end-of-text
    candidates.Add({sum, static_cast<int64_t>(beam), request.vocabulary.end_of_text});
    return;
  }
  const float offset = sum - log_sum;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float score = logits[i] + offset;
    if (candidates.Wants(score)) candidates.Add({score, static_cast<int64_t>(beam), static_cast<int32_t>(i)});
  }
}

void BeamSearch::Advance(const GenerationRequest& request, size_t beams,
                         std::span<const BeamCandidate> candidates) {
  size_t count = 0;
  for (const BeamCandidate& candidate : candidates) {
    if (count == beams || candidate.score == -std::numeric_limits<float>::infinity()) break;
    Generation& hypothesis = next_[count];
    hypothesis.Assign(running_[static_cast<size_t>(candidate.beam)]);
    const double logprob = static_cast<double>(candidate.score) - hypothesis.sum_logprob;
    if (Take(request, {candidate.token, static_cast<float>(logprob)}, hypothesis)) {
      parents_[count++] = static_cast<int32_t>(candidate.beam);
    } else if (num_finished_ < beams) {
      Finish(hypothesis);
    }
  }
  std::swap(running_, next_);
  num_running_ = count;
}

Status BeamSearch::Search(const GenerationRequest& request, Network& network, std::span<float> logits,
                          int64_t beams, Generation& best) {
  const auto num_beams = static_cast<size_t>(beams);
  num_running_ = 1;
  num_finished_ = 0;
  running_[0].Clear();
  Matrix<float> rows = {logits.data(), 1, std::ssize(logits), std::ssize(logits)};
  for (bool first = true;; first = false) {
    // As many as go on, and end-of-text after every beam.
    std::array<BeamCandidate, 2 * kMaxBeams> room;
    BestCandidates candidates({room.data(), 2 * num_beams});
    for (size_t beam = 0; beam < num_running_; ++beam)
      Expand(request, beam, RowOf(rows, static_cast<int64_t>(beam)), candidates);
    Advance(request, num_beams, candidates.all());
    if (num_finished_ == num_beams || num_running_ == 0) break;
    if (ShouldStop(request.sink)) {
      best.Assign(running_[0]);
      best.cancelled = true;
      return {};
    }
    const int64_t end = PositionOf(request, running_[0]);
    if (first) {
      EARSHOT_RETURN_IF_ERROR(network.BeginBeams(beams, end));
    } else {
      EARSHOT_RETURN_IF_ERROR(
          network.ReorderBeams(std::span(parents_).first(num_running_), request.prompt_tokens, end));
    }
    EARSHOT_ASSIGN_OR_RETURN(rows, Run(request, network));
  }
  TakeBest(best);
  return {};
}

Status BeamSearch::Sample(const GenerationRequest& request, Network& network, std::span<float> logits,
                          int64_t samples, Pcg32& random, SampleResult& result) {
  std::array<Pcg32, kMaxBeams> streams = Streams(random);
  num_running_ = static_cast<size_t>(samples);
  num_finished_ = 0;
  for (size_t i = 0; i < num_running_; ++i) running_[i].Clear();
  request.rules.Apply({}, logits);
  Matrix<float> rows = {logits.data(), 1, std::ssize(logits), 0};  // the same row for all
  for (bool first = true;; first = false) {
    size_t count = 0;
    for (size_t i = 0; i < num_running_; ++i) {
      const std::span<float> row = RowOf(rows, static_cast<int64_t>(i));
      if (!first) request.rules.Apply(running_[i].tokens.tokens(), row);
      if (!Take(request, SampleToken(row, request.temperature, streams[i]), running_[i])) {
        if (running_[i].looped) ++result.loops;
        Finish(running_[i]);
        continue;
      }
      parents_[count] = static_cast<int32_t>(i);
      std::swap(running_[count], running_[i]);
      std::swap(streams[count++], streams[i]);
    }
    const bool some_ended = count < num_running_;
    num_running_ = count;
    if (count == 0) break;
    if (ShouldStop(request.sink)) {
      result.best.Assign(running_[0]);
      result.best.cancelled = true;
      return {};
    }
    const int64_t end = PositionOf(request, running_[0]);
    if (first) EARSHOT_RETURN_IF_ERROR(network.BeginBeams(static_cast<int64_t>(count), end));
    if (!first && some_ended) {
      EARSHOT_RETURN_IF_ERROR(
          network.ReorderBeams(std::span(parents_).first(count), request.prompt_tokens, end));
    }
    EARSHOT_ASSIGN_OR_RETURN(rows, Run(request, network));
  }
  TakeBest(result.best);
  return {};
}

}  // namespace earshot::whisper
