// Suppression lists and the grammar of timestamps.
#include "models/whisper/logit_rules.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "runtime/kernels/kernels.h"

namespace earshot::whisper {
namespace {

void Forbid(std::span<float> logits, size_t begin, size_t end) {
  begin = std::min(begin, logits.size());
  end = std::clamp(end, begin, logits.size());
  std::ranges::fill(logits.subspan(begin, end - begin), -std::numeric_limits<float>::infinity());
}

void ForbidListed(std::span<float> logits, std::span<const uint32_t> tokens) {
  for (const uint32_t token : tokens) {
    if (token < logits.size()) logits[token] = -std::numeric_limits<float>::infinity();
  }
}

}  // namespace

LogitRules::LogitRules(const Vocabulary& vocabulary, const Lists& lists, bool timestamps)
    : end_of_text_(static_cast<size_t>(vocabulary.end_of_text)),
      timestamp_begin_(static_cast<size_t>(vocabulary.timestamp_begin)),
      lists_(lists),
      timestamps_(timestamps) {}

void LogitRules::Apply(std::span<const int32_t> chosen, std::span<float> logits) const {
  ForbidListed(logits, lists_.suppressed);
  if (chosen.empty()) ForbidListed(logits, lists_.begin_suppressed);
  Forbid(logits, end_of_text_ + 1, timestamp_begin_);
  if (!timestamps_) {
    Forbid(logits, timestamp_begin_, logits.size());
    return;
  }
  Forbid(logits, timestamp_begin_ + static_cast<size_t>(lists_.max_timestamp_index) + 1, logits.size());
  ApplyTimestampOrder(chosen, logits);
  PreferTimestampsByMass(logits);
}

void LogitRules::ApplyTimestampOrder(std::span<const int32_t> chosen, std::span<float> logits) const {
  if (chosen.empty()) {
    Forbid(logits, 0, timestamp_begin_);
    Forbid(logits, timestamp_begin_ + static_cast<size_t>(lists_.max_initial_timestamp_index) + 1,
           logits.size());
    return;
  }
  const auto is_timestamp = [&](int32_t token) { return static_cast<size_t>(token) >= timestamp_begin_; };
  const bool after_timestamp = is_timestamp(chosen.back());
  // The first timestamp opens a segment as the second of a pair does.
  const bool segment_open = after_timestamp && (chosen.size() < 2 || is_timestamp(chosen[chosen.size() - 2]));
  const bool pair_half_done = after_timestamp && !segment_open;

  const auto last = std::find_if(chosen.rbegin(), chosen.rend(), is_timestamp);
  if (last != chosen.rend()) {
    // The second of a pair may repeat the first; the end of a segment must lie after its begin.
    Forbid(logits, timestamp_begin_, static_cast<size_t>(*last) + (pair_half_done ? 0 : 1));
  }
  if (segment_open) Forbid(logits, timestamp_begin_, logits.size());
  if (pair_half_done) Forbid(logits, 0, end_of_text_);
}

void LogitRules::PreferTimestampsByMass(std::span<float> logits) const {
  // Both sides would have the same normalizer subtracted, so none is needed.
  const float timestamp_mass = kernels::LogSumExp(logits.subspan(timestamp_begin_));
  const float best_other = kernels::Max(logits.first(timestamp_begin_)).value;
  if (timestamp_mass > best_other) Forbid(logits, 0, timestamp_begin_);
}

}  // namespace earshot::whisper
