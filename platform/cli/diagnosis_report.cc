// The examination as aligned text and as JSON.
#include <nlohmann/json.hpp>

#include "platform/cli/diagnosis.h"
#include "platform/cli/printable.h"
#include "platform/cli/text_table.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

int64_t TopKhz(const Examination& machine) {
  int64_t khz = 0;
  for (const Core& core : machine.cores) khz = std::max(khz, core.max_khz);
  return khz;
}

std::string ProcessorText(const Examination& machine) {
  std::string text = machine.cpu.name.empty() ? "unknown" : machine.cpu.name;
  text += ", " + std::to_string(machine.cores.size()) + " cores";
  const size_t fast = CountFastCores(machine.cores);
  if (fast < machine.cores.size()) text += " (" + std::to_string(fast) + " fast)";
  if (const int64_t khz = TopKhz(machine); khz > 0)
    text += ", " + Fixed(static_cast<double>(khz) / 1e6, 2) + " GHz";
  return text;
}

std::string MemoryText(const BoardState& board) {
  if (board.total_memory_bytes == 0) return "unknown";
  return Megabytes(board.total_memory_bytes) + ", " + Megabytes(board.available_memory_bytes) + " available";
}

std::string ModelText(const ModelCheckup& model) {
  if (!model.error.empty()) return Printable(model.path) + ": cannot be used";
  return Printable(model.path) + ": " + Megabytes(model.file_bytes) + ", a session " +
         Megabytes(model.session_bytes) + (model.has_packed_weights ? ", packed weights beside it" : "");
}

TextTable Facts(const Examination& machine) {
  const BoardState& board = machine.board;
  TextTable table({{""}, {""}});
  if (!board.model.empty()) table.AddRow({"board", Printable(board.model)});
  table.AddRow({"processor", Printable(ProcessorText(machine))});
  table.AddRow({"features", machine.cpu.features});
  for (const KernelLevel& kernel : machine.kernels) table.AddRow({kernel.family, kernel.level});
  table.AddRow({"threads", std::to_string(machine.default_threads) + " unless --threads says otherwise"});
  table.AddRow({"memory", MemoryText(board)});
  table.AddRow({"load", Fixed(board.load, 2)});
  if (board.degrees_celsius)
    table.AddRow({"temperature", Fixed(*board.degrees_celsius, 0) + " degrees Celsius"});
  table.AddRow({"microphones", board.microphones.empty() ? "none" : Printable(Joined(board.microphones))});
  for (const ModelCheckup& model : machine.models) table.AddRow({"model", ModelText(model)});
  return table;
}

}  // namespace

std::string DiagnosisText(const Examination& examination, const std::vector<Finding>& findings) {
  std::string text = Facts(examination).ToString(0);
  for (const Finding& finding : findings) {
    text += std::string("\n") + (finding.severity == Severity::kProblem ? "problem: " : "advice: ") +
            Printable(finding.what) + "\n    " + Printable(finding.remedy) + "\n";
  }
  if (findings.empty()) text += "\nnothing is wrong\n";
  return text;
}

std::string DiagnosisJson(const Examination& examination, const std::vector<Finding>& findings) {
  using nlohmann::json;
  const BoardState& board = examination.board;
  json report = {{"board", board.model},
                 {"cpu", examination.cpu.name},
                 {"features", examination.cpu.features},
                 {"cores", examination.cores.size()},
                 {"fast_cores", CountFastCores(examination.cores)},
                 {"default_threads", examination.default_threads},
                 {"total_memory_bytes", board.total_memory_bytes},
                 {"available_memory_bytes", board.available_memory_bytes},
                 {"load", board.load},
                 {"microphones", board.microphones},
                 {"kernels", json::object()},
                 {"models", json::array()},
                 {"findings", json::array()}};
  if (board.degrees_celsius) report["degrees_celsius"] = *board.degrees_celsius;
  for (const KernelLevel& kernel : examination.kernels) report["kernels"][kernel.family] = kernel.level;
  for (const ModelCheckup& model : examination.models) {
    report["models"].push_back({{"path", model.path},
                                {"error", model.error},
                                {"file_bytes", model.file_bytes},
                                {"session_bytes", model.session_bytes},
                                {"packed_weights", model.has_packed_weights}});
  }
  for (const Finding& finding : findings) {
    report["findings"].push_back({{"severity", finding.severity == Severity::kProblem ? "problem" : "advice"},
                                  {"what", finding.what},
                                  {"remedy", finding.remedy}});
  }
  return report.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace earshot::cli
