// Median and spread of repeated measurements.
#ifndef EARSHOT_PLATFORM_CLI_STATISTICS_H_
#define EARSHOT_PLATFORM_CLI_STATISTICS_H_

#include <vector>

namespace earshot::cli {

struct Spread {
  double median = 0;
  double p10 = 0;
  double p90 = 0;
};

// Quantiles are interpolated linearly between neighbours; all 0 without samples.
Spread SpreadOf(std::vector<double> samples);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_STATISTICS_H_
