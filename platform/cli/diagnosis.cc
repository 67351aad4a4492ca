// One function for each thing that can be wrong.
#include "platform/cli/diagnosis.h"

#include <algorithm>

#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

// Raspberry Pi boards slow down from 80 degrees on, and stop their fastest speed at 85.
constexpr double kWarmDegrees = 80.0;

using Findings = std::vector<Finding>;

// Without them no model can be used, and it is not the models' fault.
void CheckMatrixKernels(const Examination& machine, Findings& findings) {
  if (machine.matrix_kernels_error.empty()) return;
  findings.push_back(
      {Severity::kProblem, machine.matrix_kernels_error, "in a container or chroot, mount /proc and /sys"});
}

void CheckModels(const Examination& machine, Findings& findings) {
  if (machine.models.empty()) {
    findings.push_back({Severity::kAdvice, "no model file was found here",
                        "make one with earshot-convert, or name those to look at: earshot doctor MODEL..."});
  }
  for (const ModelCheckup& model : machine.models) {
    if (!model.error.empty()) {
      if (!machine.matrix_kernels_error.empty()) continue;
      findings.push_back(
          {Severity::kProblem, model.error, "convert it again with the earshot-convert of this release"});
      continue;
    }
    const uint64_t needed = model.file_bytes + model.session_bytes;
    const uint64_t available = machine.board.available_memory_bytes;
    if (available != 0 && needed > available) {
      findings.push_back(
          {Severity::kProblem,
           model.path + " needs " + Megabytes(needed) + ", and " + Megabytes(available) + " are available",
           "end other programs, take a smaller model, or convert it with --weights int4 and a "
           "smaller --max-audio-frames"});
    }
    if (!model.has_packed_weights) {
      findings.push_back({Severity::kAdvice, model.path + " is packed anew at every start",
                          "earshot pack " + model.path + " keeps the result beside it"});
    }
  }
}

void CheckHeat(const Examination& machine, Findings& findings) {
  const BoardState& board = machine.board;
  if (board.degrees_celsius && *board.degrees_celsius >= kWarmDegrees) {
    findings.push_back({Severity::kProblem,
                        "the processor is at " + Fixed(*board.degrees_celsius, 0) + " degrees: it slows down",
                        "give it air or a heat sink; fewer --threads make less heat"});
  }
  if (!board.throttling) return;
  const Throttling& now = *board.throttling;
  if (now.undervoltage_now || now.undervoltage_before) {
    findings.push_back({Severity::kProblem,
                        now.undervoltage_now ? "the board gets too little voltage"
                                             : "the board got too little voltage since it was switched on",
                        "use the power supply that is made for it, and a short cable"});
  } else if (now.throttled_now || now.throttled_before) {
    findings.push_back({now.throttled_now ? Severity::kProblem : Severity::kAdvice,
                        now.throttled_now ? "the firmware holds the processor back"
                                          : "the firmware held the processor back since it was switched on",
                        "give it air or a heat sink"});
  }
}

void CheckSpeed(const Examination& machine, Findings& findings) {
  if (machine.board.governor == "powersave") {
    findings.push_back({Severity::kProblem, "the processor is kept at its lowest frequency (powersave)",
                        "echo ondemand | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"});
  }
  const auto cores = static_cast<double>(machine.cores.size());
  if (machine.board.load > cores) {
    findings.push_back({Severity::kAdvice,
                        "other programs are at work: a load of " + Fixed(machine.board.load, 1) + " on " +
                            std::to_string(machine.cores.size()) + " cores",
                        "end them, or leave them cores with --threads"});
  }
}

void CheckSystem(const Examination& machine, Findings& findings) {
  const std::string& kernel = machine.board.kernel_machine;
  if (machine.pointer_bits == 32 && (kernel == "aarch64" || kernel == "x86_64")) {
    findings.push_back({Severity::kAdvice, "this is the 32-bit program on a 64-bit processor",
                        "a 64-bit system runs the 64-bit one, which has the faster kernels"});
  }
  if (machine.board.microphones.empty()) {
    findings.push_back(
        {Severity::kAdvice, "no microphone was found",
         "recordings work without; a USB microphone shows in /proc/asound/pcm when plugged in"});
  }
}

}  // namespace

Findings Diagnose(const Examination& examination) {
  Findings findings;
  CheckMatrixKernels(examination, findings);
  CheckModels(examination, findings);
  CheckHeat(examination, findings);
  CheckSpeed(examination, findings);
  CheckSystem(examination, findings);
  std::ranges::stable_sort(findings, {}, &Finding::severity);
  return findings;
}

}  // namespace earshot::cli
