// A checkpoint under the names that a graph builder asks for.
#ifndef EARSHOT_CONVERTER_IMPORT_RENAMED_WEIGHTS_H_
#define EARSHOT_CONVERTER_IMPORT_RENAMED_WEIGHTS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "converter/ir/weight_source.h"

namespace earshot::checkpoint {

struct WeightNames {
  std::string prefix;                          // in front of every name of the checkpoint
  std::map<std::string, std::string> renamed;  // for these names, what the checkpoint has instead
};

// Borrows the source. Unused() has the names of the checkpoint.
class RenamedWeights final : public ir::WeightSource {
 public:
  RenamedWeights(ir::WeightSource& source, WeightNames names) : source_(source), names_(std::move(names)) {}

  bool Has(const std::string& name) const override { return source_.Has(NameOf(name)); }
  std::vector<int64_t> ShapeOf(const std::string& name) const override {
    return source_.ShapeOf(NameOf(name));
  }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>& shape) override {
    return source_.Take(NameOf(name), shape);
  }
  void Drop(const std::string& name) override { source_.Drop(NameOf(name)); }
  std::vector<std::string> Unused() const override { return source_.Unused(); }

 private:
  std::string NameOf(const std::string& name) const {
    const auto renamed = names_.renamed.find(name);
    return renamed != names_.renamed.end() ? renamed->second : names_.prefix + name;
  }

  ir::WeightSource& source_;
  WeightNames names_;
};

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_RENAMED_WEIGHTS_H_
