// What `earshot doctor` looks at, and what it concludes.
#ifndef EARSHOT_PLATFORM_CLI_DIAGNOSIS_H_
#define EARSHOT_PLATFORM_CLI_DIAGNOSIS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/cli/kernel_levels.h"
#include "platform/cpu/board_state.h"
#include "platform/cpu/cores.h"
#include "platform/cpu/cpu_info.h"

namespace earshot::cli {

struct ModelCheckup {
  std::string path;
  std::string error;  // why it cannot be used; empty if it can
  uint64_t file_bytes = 0;
  uint64_t session_bytes = 0;       // beside the file, with the default number of threads
  bool has_packed_weights = false;  // a second start takes milliseconds
};

struct Examination {
  CpuInfo cpu;
  std::vector<Core> cores;
  BoardState board;
  std::vector<KernelLevel> kernels;
  size_t default_threads = 1;
  size_t pointer_bits = 64;          // of this program
  std::string matrix_kernels_error;  // why none can start; empty if they can
  std::vector<ModelCheckup> models;
};

enum class Severity { kProblem, kAdvice };

struct Finding {
  Severity severity = Severity::kAdvice;
  std::string what;
  std::string remedy;
};

// Problems first. Everything is judged by what `examination` says, nothing by the machine it runs on.
std::vector<Finding> Diagnose(const Examination& examination);

std::string DiagnosisText(const Examination& examination, const std::vector<Finding>& findings);
std::string DiagnosisJson(const Examination& examination, const std::vector<Finding>& findings);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_DIAGNOSIS_H_
