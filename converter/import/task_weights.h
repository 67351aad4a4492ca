// Weights of an encoder that was saved with the head of a task, seen as the encoder's own.
#ifndef EARSHOT_CONVERTER_IMPORT_TASK_WEIGHTS_H_
#define EARSHOT_CONVERTER_IMPORT_TASK_WEIGHTS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "converter/ir/weight_source.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

struct WeightNames {
  std::string prefix;                // "longformer.": in front of the encoder's names in the file, or not
  std::vector<std::string> dropped;  // shell patterns of names in the file that say nothing about the encoder
  // Parts of names, as the builder asks for them and as older files have them.
  std::vector<std::pair<std::string, std::string>> older = {};
};

// Borrows the source. Names in and out of it are those of the file only in Unused and in errors.
class TaskWeights final : public ir::WeightSource {
 public:
  TaskWeights(ir::WeightSource& source, WeightNames names);

  bool Has(const std::string& name) const override { return source_.Has(InFile(name)); }
  std::vector<int64_t> ShapeOf(const std::string& name) const override {
    return source_.ShapeOf(InFile(name));
  }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>& shape) override {
    return source_.Take(InFile(name), shape);
  }
  void Drop(const std::string& name) override { source_.Drop(InFile(name)); }
  // Without those that are dropped.
  std::vector<std::string> Unused() const override;

 private:
  // The name under which the file has the tensor; the builder's where it has none.
  std::string InFile(const std::string& name) const;

  ir::WeightSource& source_;
  WeightNames names_;
};

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_TASK_WEIGHTS_H_
