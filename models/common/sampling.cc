// Greedy choice and temperature sampling over a vocabulary.
#include "models/common/sampling.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include "runtime/kernels/kernels.h"

namespace earshot {
namespace {

constexpr double kNegligibleLogRatio = 30.0;

bool NothingAllowed(const kernels::MaxResult& max) {
  return max.value == -std::numeric_limits<float>::infinity();
}

}  // namespace

SampledToken PickMostLikely(std::span<const float> logits) {
  const kernels::MaxResult max = kernels::Max(logits);
  if (NothingAllowed(max)) return {};
  return {static_cast<int32_t>(max.index), max.value - kernels::LogSumExp(logits)};
}

SampledToken SampleToken(std::span<const float> logits, float temperature, Pcg32& random) {
  const kernels::MaxResult max = kernels::Max(logits);
  if (NothingAllowed(max)) return {};
  const double inverse_temperature = 1.0 / static_cast<double>(temperature);
  const auto log_weight = [&](float logit) {
    return (static_cast<double>(logit) - static_cast<double>(max.value)) * inverse_temperature;
  };

  double total = 0;
  for (const float logit : logits) {
    if (const double w = log_weight(logit); w >= -kNegligibleLogRatio) total += std::exp(w);
  }
  const double target = random.NextUnit() * total;
  double cumulative = 0;
  size_t chosen = static_cast<size_t>(max.index);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double w = log_weight(logits[i]);
    if (!(w >= -kNegligibleLogRatio)) continue;  // NaN fails too
    chosen = i;
    cumulative += std::exp(w);
    if (cumulative > target) break;
  }
  return {static_cast<int32_t>(chosen), logits[chosen] - kernels::LogSumExp(logits)};
}

}  // namespace earshot
