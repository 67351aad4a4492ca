// Segments between pairs of timestamp tokens.
#include "models/whisper/segment_splitter.h"

#include <algorithm>
#include <cstddef>

namespace earshot::whisper {

SegmentSplitter::SegmentSplitter(const Vocabulary& vocabulary, const WindowSpan& window,
                                 std::span<const int32_t> tokens)
    : vocabulary_(vocabulary), window_(window), tokens_(tokens) {
  FindAdvance();
}

// True if the token is the second of a pair, where a segment begins.
bool SegmentSplitter::IsCut(size_t index) const {
  return index > 0 && vocabulary_.IsTimestamp(tokens_[index]) && vocabulary_.IsTimestamp(tokens_[index - 1]);
}

// From the begin of the window.
int64_t SegmentSplitter::TimeMs(int32_t timestamp) const {
  return (timestamp - vocabulary_.timestamp_begin) * vocabulary_.timestamp_step_ms;
}

void SegmentSplitter::FindAdvance() {
  const size_t n = tokens_.size();
  ends_in_single_timestamp_ =
      n >= 2 && vocabulary_.IsTimestamp(tokens_[n - 1]) && !vocabulary_.IsTimestamp(tokens_[n - 2]);
  ends_in_text_ = window_.ends_in_pause && n >= 1 && !vocabulary_.IsTimestamp(tokens_[n - 1]);
  advance_ms_ = window_.content_ms;
  for (size_t i = n; i-- > 1;) {
    if (!IsCut(i)) continue;
    has_pairs_ = true;
    if (!ends_in_single_timestamp_ && !ends_in_text_) advance_ms_ = TimeMs(tokens_[i - 1]);
    break;
  }
  // A timestamp in the padding, or one at zero that would repeat the window forever.
  if (advance_ms_ <= 0 || advance_ms_ > window_.content_ms) advance_ms_ = window_.content_ms;
}

// All tokens as one segment, where no pair cuts them.
SegmentSpan SegmentSplitter::WholeWindow() const {
  int64_t start_ms = vocabulary_.IsTimestamp(tokens_.front()) ? TimeMs(tokens_.front()) : 0;
  const int64_t last_ms = vocabulary_.IsTimestamp(tokens_.back()) ? TimeMs(tokens_.back()) : 0;
  const int64_t end_ms = last_ms > start_ms ? last_ms : window_.content_ms;
  if (start_ms >= end_ms) start_ms = 0;  // said to begin in the padding
  return {window_.begin_ms + start_ms, window_.begin_ms + end_ms, tokens_};
}

SegmentSpan SegmentSplitter::UpToThePause(std::span<const int32_t> tokens) const {
  // Said to begin in the padding: it is heard, however briefly.
  const int64_t latest_ms = std::max<int64_t>(0, window_.content_ms - vocabulary_.timestamp_step_ms);
  const int64_t start_ms = std::min(TimeMs(tokens.front()), latest_ms);
  return {window_.begin_ms + start_ms, window_.begin_ms + window_.content_ms, tokens};
}

bool SegmentSplitter::Next(SegmentSpan* segment) {
  if (next_token_ >= tokens_.size()) return false;
  const size_t begin = next_token_;
  if (!has_pairs_) {
    next_token_ = tokens_.size();
    *segment = WholeWindow();
    return true;
  }
  size_t end = begin + 1;
  while (end < tokens_.size() && !IsCut(end)) ++end;
  next_token_ = end;
  const std::span<const int32_t> tokens = tokens_.subspan(begin, end - begin);
  if (end == tokens_.size() && ends_in_text_) {
    *segment = UpToThePause(tokens);
    return true;
  }
  if (end == tokens_.size() && !ends_in_single_timestamp_) return false;  // unfinished
  *segment = {window_.begin_ms + TimeMs(tokens.front()), window_.begin_ms + TimeMs(tokens.back()), tokens};
  return true;
}

}  // namespace earshot::whisper
