// Lines of the report.
#include "converter/passes/batch_norm_report.h"

#include <algorithm>
#include <cstddef>

namespace earshot::passes {

std::string FormatBatchNorms(const ir::Graph& graph) {
  if (graph.batch_norms.empty()) return "";
  size_t width = 0;
  for (const ir::BatchNormFate& norm : graph.batch_norms)
    width = std::max(width, norm.method.size() + norm.name.size() + 1);
  std::string text = "batch norms\n";
  size_t num_kept = 0;
  for (const ir::BatchNormFate& norm : graph.batch_norms) {
    std::string label = norm.method + "." + norm.name;
    label.resize(width, ' ');
    text += "  " + label + "  " + norm.fate;
    if (!norm.reason.empty()) text += ": " + norm.reason;
    text += "\n";
    num_kept += norm.reason.empty() ? 0u : 1u;
  }
  return text + std::to_string(graph.batch_norms.size() - num_kept) + " of " +
         std::to_string(graph.batch_norms.size()) + " folded\n\n";
}

}  // namespace earshot::passes
