// Median and spread.
#include "platform/cli/statistics.h"

#include <algorithm>
#include <cstddef>

namespace earshot::cli {
namespace {

// Precondition: sorted, not empty, 0 <= share <= 1.
double Quantile(const std::vector<double>& sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto lower = static_cast<size_t>(position);
  const size_t upper = std::min(lower + 1, sorted.size() - 1);
  return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - static_cast<double>(lower));
}

}  // namespace

Spread SpreadOf(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  return {.median = Quantile(samples, 0.5), .p10 = Quantile(samples, 0.1), .p90 = Quantile(samples, 0.9)};
}

}  // namespace earshot::cli
