// Loudness of mel frames, and the quietest stretch of them.
#include "models/whisper/window_cuts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "models/common/quiet_cut.h"
#include "models/whisper/window_features.h"

namespace earshot::whisper {
namespace {

// Frames among which a cut is sought: a quarter of 30 s.
constexpr int64_t kMaxSearchedFrames = 750;
constexpr int64_t kStretchFrames = 30;

struct FrameRange {
  int64_t begin;
  int64_t end;
};

// Where a cut may be, counted from the beginning of the recording.
FrameRange SearchedFrames(int64_t begin, int64_t window, int64_t content) {
  const int64_t rest = content - begin, quarter = std::min(window / 4, kMaxSearchedFrames);
  if (rest >= 2 * window) return {begin + window - quarter, begin + window};
  const int64_t middle = begin + rest / 2;  // both windows are at least so long that the other one fits, too
  return {std::max(middle - quarter / 2, content - window), std::min(middle + quarter / 2, begin + window)};
}

// Root of the mean square of each frame's samples.
Status MeasureLoudness(const AudioSource& audio, int64_t first_frame, std::span<float> loudness) {
  std::array<float, kSamplesPerMelFrame> samples;
  for (size_t i = 0; i < loudness.size(); ++i) {
    const int64_t frame = first_frame + static_cast<int64_t>(i);
    EARSHOT_RETURN_IF_ERROR(audio.read(audio.context, frame * kSamplesPerMelFrame, samples));
    float sum = 0.0f;
    for (const float sample : samples) sum += sample * sample;
    loudness[i] = std::sqrt(sum / static_cast<float>(samples.size()));
  }
  return Status::Ok();
}

}  // namespace

Result<int64_t> FindWindowEnd(const AudioSource& audio, int64_t begin_ms, int64_t window_ms) {
  const int64_t begin = begin_ms / kMelFrameMs, window = window_ms / kMelFrameMs;
  const int64_t content = ContentFrames(audio.total_samples);
  if (content - begin <= window) return content * kMelFrameMs;
  const FrameRange searched = SearchedFrames(begin, window, content);
  std::array<float, kMaxSearchedFrames> memory;
  const auto loudness = std::span(memory).first(static_cast<size_t>(searched.end - searched.begin));
  EARSHOT_RETURN_IF_ERROR(MeasureLoudness(audio, searched.begin, loudness));
  const int64_t cut = FindQuietCut(loudness, {.earliest = 1, .stretch = kStretchFrames, .step = 1});
  return (searched.begin + cut) * kMelFrameMs;
}

}  // namespace earshot::whisper
