// Sums in double precision: a segment has half a million samples.
#include "models/ctc/features.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace earshot::ctc {
namespace {

constexpr double kSampleEpsilon = 1e-7;
constexpr double kDeviationEpsilon = 1e-5;
constexpr float kPreEmphasis = 0.97f;

}  // namespace

void NormalizeSamples(std::span<float> samples) {
  if (samples.empty()) return;
  double sum = 0, squares = 0;
  for (const float sample : samples) sum += static_cast<double>(sample);
  const double mean = sum / static_cast<double>(samples.size());
  for (const float sample : samples) {
    const double difference = static_cast<double>(sample) - mean;
    squares += difference * difference;
  }
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(samples.size()) + kSampleEpsilon);
  for (float& sample : samples) sample = static_cast<float>((static_cast<double>(sample) - mean) * scale);
}

void NormalizeColumns(Matrix<float> features) {
  const double rows = static_cast<double>(features.rows);
  for (int64_t col = 0; col < features.cols; ++col) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < features.rows; ++row) sum += static_cast<double>(features.Row(row)[col]);
    const double mean = sum / rows;
    for (int64_t row = 0; row < features.rows; ++row) {
      const double difference = static_cast<double>(features.Row(row)[col]) - mean;
      squares += difference * difference;
    }
    const double scale = 1.0 / (std::sqrt(squares / (rows - 1)) + kDeviationEpsilon);
    for (int64_t row = 0; row < features.rows; ++row) {
      float& value = features.Row(row)[col];
      value = static_cast<float>((static_cast<double>(value) - mean) * scale);
    }
  }
}

Result<LogMelFeatures> LogMelFeatures::Create(const LogMelConfig& config, int64_t max_samples, Arena& arena) {
  const int64_t hop = std::max(1, config.hop_length), half = std::max(1, config.fft_length / 2);
  const int64_t lead = (half + hop - 1) / hop;
  const size_t count = static_cast<size_t>(lead * hop + max_samples + half);
  auto* padded = arena.AllocateArray<float>(count);
  const size_t workspace = LogMel::WorkspaceBytes(config);
  auto* memory = arena.AllocateArray<std::byte>(workspace);
  if (padded == nullptr || memory == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "features: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  EARSHOT_ASSIGN_OR_RETURN(const LogMel log_mel, LogMel::Create(config, {memory, workspace}));
  LogMelFeatures features(log_mel, hop);
  features.lead_ = lead;
  features.padded_ = {padded, count};
  std::ranges::fill(features.padded_, 0.0f);
  features.samples_ =
      features.padded_.subspan(static_cast<size_t>(lead * hop), static_cast<size_t>(max_samples));
  return features;
}

Status LogMelFeatures::Compute(int64_t num_samples, Matrix<float> features) {
  if (num_samples < 0 || num_samples > std::ssize(samples_) || features.rows != NumFrames(num_samples) ||
      features.rows < 2) {
    return Status::Error(StatusCode::kInvalidArgument, "features: %lld frames of %lld samples",
                         static_cast<long long>(features.rows), static_cast<long long>(num_samples));
  }
  const std::span<float> samples = samples_.first(static_cast<size_t>(num_samples));
  for (size_t i = samples.size(); i-- > 1;) samples[i] -= kPreEmphasis * samples[i - 1];
  // What is left of a longer segment behind it.
  std::fill(samples.end(), padded_.end(), 0.0f);
  const int64_t length = std::ssize(padded_);
  EARSHOT_RETURN_IF_ERROR(log_mel_.Compute(
      {.samples = padded_, .begin = 0, .clip_samples = length, .padded_samples = length}, lead_, features));
  NormalizeColumns(features);
  return Status::Ok();
}

}  // namespace earshot::ctc
