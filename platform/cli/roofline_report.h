// The comparison with the limits of the machine, for people and for programs.
#ifndef EARSHOT_PLATFORM_CLI_ROOFLINE_REPORT_H_
#define EARSHOT_PLATFORM_CLI_ROOFLINE_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "platform/cli/roofline.h"

namespace earshot::cli {

std::string RooflineText(const RooflineReport& report);
nlohmann::ordered_json RooflineJson(const RooflineReport& report);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_ROOFLINE_REPORT_H_
