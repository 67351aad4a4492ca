// `earshot inspect`: the description of a model and its memory, for people and for programs.
#ifndef EARSHOT_PLATFORM_CLI_INSPECT_REPORT_H_
#define EARSHOT_PLATFORM_CLI_INSPECT_REPORT_H_

#include <cstddef>
#include <string>

#include "platform/cli/model_description.h"
#include "runtime/engine/session.h"

namespace earshot::cli {

struct InspectReport {
  std::string path;
  ModelDescription model;
  std::string checksum;  // of the weights, and whether it is right
  size_t num_threads = 0;
  MemoryRequirements memory;  // for that many threads on this machine
};

std::string InspectText(const InspectReport& report);

// UTF-8, indented; bytes that are no UTF-8 are replaced.
std::string InspectJson(const InspectReport& report);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_INSPECT_REPORT_H_
