// Lists names.
#include "converter/import/unused_weights.h"

#include <string>
#include <vector>

namespace earshot::checkpoint {

Status CheckAllUsed(const ir::WeightSource& weights) {
  const std::vector<std::string> unused = weights.Unused();
  if (unused.empty()) return Status::Ok();
  std::string names;
  for (const std::string& name : unused) names += " " + name;
  return Status::Error(StatusCode::kUnsupported,
                       "the checkpoint has %zu tensors that this converter has no use for:%s", unused.size(),
                       names.c_str());
}

}  // namespace earshot::checkpoint
