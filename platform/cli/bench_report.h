// The figures of `earshot bench`, for people and for programs.
#ifndef EARSHOT_PLATFORM_CLI_BENCH_REPORT_H_
#define EARSHOT_PLATFORM_CLI_BENCH_REPORT_H_

#include <string>

#include "platform/cli/bench_runner.h"

namespace earshot::cli {

std::string BenchText(const BenchReport& report);
std::string BenchJson(const BenchReport& report);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_BENCH_REPORT_H_
