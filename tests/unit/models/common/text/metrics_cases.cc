// The reference scores of the shared cases.
#include "tests/unit/models/common/text/metrics_cases.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>

namespace earshot::test {

MetricsCases LoadMetricsCases() {
  const char* file_name = std::getenv("EARSHOT_METRICS_FILE");  // of another case (tests/golden/run_case.sh)
  const char* directory = std::getenv("EARSHOT_SHARED_DIR");
  const std::string path = file_name != nullptr
                               ? std::string(file_name)
                               : std::string(directory != nullptr ? directory : EARSHOT_SHARED_DIR) +
                                     "/zoo/cases/metrics/metrics.json";
  std::ifstream file(path);
  INFO("reading " << path);
  REQUIRE(file.good());
  MetricsCases cases{.all = nlohmann::json::parse(file, nullptr, false), .hypotheses = {}, .references = {}};
  REQUIRE(cases.all.is_object());
  cases.hypotheses = cases.all.at("hypotheses").get<std::vector<std::string>>();
  cases.references = cases.all.at("references").get<std::vector<std::vector<std::string>>>();
  REQUIRE(cases.hypotheses.size() >= 2);
  REQUIRE(cases.references.size() == 2);
  return cases;
}

}  // namespace earshot::test
