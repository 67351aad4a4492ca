// Confidence intervals of error rates by resampling clips with replacement (Bisani and Ney 2004, "Bootstrap
// estimates for confidence intervals in ASR performance evaluation").
#ifndef EARSHOT_MODELS_COMMON_TEXT_BOOTSTRAP_H_
#define EARSHOT_MODELS_COMMON_TEXT_BOOTSTRAP_H_

#include <cstdint>
#include <span>

#include "models/common/text/error_rate.h"
#include "runtime/core/status.h"

namespace earshot {

struct BootstrapOptions {
  int num_resamples = 1000;
  double confidence = 0.95;  // the share of resamples inside the interval, between 0 and 1
  uint64_t seed = 1;         // the same seed gives the same interval on every machine
};

struct RateInterval {
  double low = 0;
  double high = 0;
};

// The interval of the total error rate (errors of all clips over reference tokens of all clips).
// Errors: kInvalidArgument without clips or with options out of range.
Result<RateInterval> BootstrapRate(std::span<const ErrorCounts> clips, const BootstrapOptions& options = {});

// The interval of rate(b) - rate(a) where both systems are measured on the same resampled clips: an interval
// that leaves out 0 means that the difference is not an accident of the choice of clips. clips_a[i] and
// clips_b[i] are the same clip. Errors: as above, and kInvalidArgument if the numbers of clips differ.
Result<RateInterval> BootstrapRateDifference(std::span<const ErrorCounts> clips_a,
                                             std::span<const ErrorCounts> clips_b,
                                             const BootstrapOptions& options = {});

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_BOOTSTRAP_H_
