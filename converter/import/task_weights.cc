// TaskWeights.
#include "converter/import/task_weights.h"

#include <fnmatch.h>

#include <algorithm>

namespace earshot::checkpoint {

TaskWeights::TaskWeights(ir::WeightSource& source, WeightNames names)
    : source_(source), names_(std::move(names)) {}

std::vector<std::string> TaskWeights::Unused() const {
  std::vector<std::string> unused = source_.Unused();
  std::erase_if(unused, [this](const std::string& name) {
    return std::ranges::any_of(names_.dropped, [&](const std::string& pattern) {
      return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
  });
  return unused;
}

std::string TaskWeights::InFile(const std::string& name) const {
  std::vector<std::string> spellings = {name};
  for (const auto& [asked, older] : names_.older) {
    if (const size_t at = name.find(asked); at != std::string::npos)
      spellings.push_back(std::string(name).replace(at, asked.size(), older));
  }
  for (const std::string& spelling : spellings) {
    for (const std::string& in_file : {names_.prefix + spelling, spelling}) {
      if (source_.Has(in_file)) return in_file;
    }
  }
  return name;
}

}  // namespace earshot::checkpoint
