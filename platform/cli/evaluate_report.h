// The figures of `earshot evaluate`, for people and for programs.
#ifndef EARSHOT_PLATFORM_CLI_EVALUATE_REPORT_H_
#define EARSHOT_PLATFORM_CLI_EVALUATE_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "platform/cli/evaluation.h"

namespace earshot::cli {

struct EvaluateReport {
  std::vector<EvaluatedClip> clips;
  std::string other_path;  // of the system to compare with; may be empty
  bool lists_clips = true;
};

// Tables: per clip, per language and per source where there are several, totals, comparison. Rates in
// percent.
std::string EvaluateText(const EvaluateReport& report);
// The same; rates are shares.
std::string EvaluateJson(const EvaluateReport& report);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_EVALUATE_REPORT_H_
