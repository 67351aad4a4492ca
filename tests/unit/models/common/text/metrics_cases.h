// The reference scores of the shared cases (jiwer 4, sacrebleu 2), read in place.
#ifndef EARSHOT_TESTS_UNIT_MODELS_COMMON_TEXT_METRICS_CASES_H_
#define EARSHOT_TESTS_UNIT_MODELS_COMMON_TEXT_METRICS_CASES_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace earshot::test {

struct MetricsCases {
  nlohmann::json all;
  std::vector<std::string> hypotheses;
  std::vector<std::vector<std::string>> references;  // two sets
};

// From $EARSHOT_SHARED_DIR or, without that variable, the directory the build was configured with. Fails the
// running test if the file is missing or unreadable.
MetricsCases LoadMetricsCases();

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_UNIT_MODELS_COMMON_TEXT_METRICS_CASES_H_
