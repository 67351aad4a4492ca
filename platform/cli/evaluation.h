// The numbers of `earshot evaluate`: clips with their hypotheses and error counts, summed up in several ways.
#ifndef EARSHOT_PLATFORM_CLI_EVALUATION_H_
#define EARSHOT_PLATFORM_CLI_EVALUATION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "models/common/text/bootstrap.h"
#include "models/common/text/error_rate.h"
#include "platform/cli/manifest.h"
#include "platform/cli/scorer.h"
#include "runtime/core/status.h"

namespace earshot::cli {

struct EvaluatedClip {
  ManifestClip clip;
  std::string text;  // as the model wrote it
  ErrorCounts counts = {};
  double audio_s = 0;
  double elapsed_s = 0;  // of the transcription, reading the recording included
  int64_t fallbacks = 0;
  std::optional<ErrorCounts> other;  // of the system to compare with, on the same clip
};

// Clips counted by the same rate, "WER" or "CER". Rates are shares, not percent.
struct EvaluationGroup {
  std::string name;  // "total", a language, a source
  const char* rate_name = "WER";
  int64_t num_clips = 0;
  ErrorCounts counts = {};
  double audio_s = 0;
  double elapsed_s = 0;
  int64_t fallbacks = 0;
  std::optional<RateInterval> interval = {};  // 95 %, where it was asked for and there is more than one clip
};

// Sums of all clips of the rate; nullopt if there are none. With the bootstrap interval.
std::optional<EvaluationGroup> TotalOf(std::span<const EvaluatedClip> clips, const char* rate_name);

// Sums by language or by source, in the order of first appearance; no intervals. A source with clips of both
// rates has two groups. Clips without a source are left out of the second.
std::vector<EvaluationGroup> GroupsByLanguage(std::span<const EvaluatedClip> clips);
std::vector<EvaluationGroup> GroupsBySource(std::span<const EvaluatedClip> clips);

// This system beside another one, on the clips that both have.
struct Comparison {
  const char* rate_name = "WER";
  int64_t num_clips = 0;
  double rate = 0;
  double other_rate = 0;
  RateInterval difference;  // 95 % of rate - other_rate, resampled by pairs
};
std::optional<Comparison> CompareClips(std::span<const EvaluatedClip> clips, const char* rate_name);

// What another system wrote, by clip id: a table with the columns id and text (what --output wrote, for
// example). Errors: those of TsvTable, kInvalidArgument without these columns.
using TextsById = std::unordered_map<std::string, std::string>;
Result<TextsById> ReadTexts(const std::string& path);

// Counts the errors of those texts into `clips`. Returns how many clips there are texts for.
size_t AddOtherSystem(const TextsById& texts, const Scorer& scorer, std::span<EvaluatedClip> clips);

// The table that --output writes.
std::string HypothesesTsv(std::span<const EvaluatedClip> clips, const Scorer& scorer);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_EVALUATION_H_
