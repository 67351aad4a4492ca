// Confidence intervals of error rates by resampling clips.
#include "models/common/text/bootstrap.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace earshot {
namespace {

// Uniform in [0, size). The standard's distributions differ between libraries; the generator itself does not.
class ClipSampler {
 public:
  ClipSampler(uint64_t seed, size_t size) : generator_(seed), size_(size) {}

  size_t Next() {
    // Rejecting the incomplete last run of values keeps all clips equally likely.
    const uint64_t limit = generator_.max() - generator_.max() % size_;
    uint64_t value = generator_();
    while (value >= limit) value = generator_();
    return static_cast<size_t>(value % size_);
  }

 private:
  std::mt19937_64 generator_;
  uint64_t size_;
};

Status CheckOptions(size_t num_clips, const BootstrapOptions& options) {
  if (num_clips == 0) {
    return Status::Error(StatusCode::kInvalidArgument, "a confidence interval needs at least one clip");
  }
  if (options.num_resamples < 1) {
    return Status::Error(StatusCode::kInvalidArgument, "num_resamples is %d; it must be at least 1",
                         options.num_resamples);
  }
  if (!(options.confidence > 0 && options.confidence < 1)) {
    return Status::Error(StatusCode::kInvalidArgument, "confidence is %g; it must lie between 0 and 1",
                         options.confidence);
  }
  return Status::Ok();
}

// Linear interpolation between order statistics; `sorted` is not empty, fraction in [0, 1].
double Quantile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

RateInterval CentralInterval(std::vector<double> samples, double confidence) {
  std::sort(samples.begin(), samples.end());
  const double tail = (1.0 - confidence) / 2.0;
  return {.low = Quantile(samples, tail), .high = Quantile(samples, 1.0 - tail)};
}

}  // namespace

Result<RateInterval> BootstrapRate(std::span<const ErrorCounts> clips, const BootstrapOptions& options) {
  EARSHOT_RETURN_IF_ERROR(CheckOptions(clips.size(), options));
  ClipSampler sampler(options.seed, clips.size());
  std::vector<double> rates;
  for (int resample = 0; resample < options.num_resamples; ++resample) {
    ErrorCounts total;
    for (size_t i = 0; i < clips.size(); ++i) total += clips[sampler.Next()];
    rates.push_back(total.Rate());
  }
  return CentralInterval(std::move(rates), options.confidence);
}

Result<RateInterval> BootstrapRateDifference(std::span<const ErrorCounts> clips_a,
                                             std::span<const ErrorCounts> clips_b,
                                             const BootstrapOptions& options) {
  if (clips_a.size() != clips_b.size()) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the systems were measured on %zu and %zu clips; a comparison needs the same clips",
                         clips_a.size(), clips_b.size());
  }
  EARSHOT_RETURN_IF_ERROR(CheckOptions(clips_a.size(), options));
  ClipSampler sampler(options.seed, clips_a.size());
  std::vector<double> differences;
  for (int resample = 0; resample < options.num_resamples; ++resample) {
    ErrorCounts total_a;
    ErrorCounts total_b;
    for (size_t i = 0; i < clips_a.size(); ++i) {
      const size_t clip = sampler.Next();
      total_a += clips_a[clip];
      total_b += clips_b[clip];
    }
    differences.push_back(total_b.Rate() - total_a.Rate());
  }
  return CentralInterval(std::move(differences), options.confidence);
}

}  // namespace earshot
