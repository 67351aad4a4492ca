// Taking tensors from the checkpoint and adding them to the graph.
#include "models/blocks/weights.h"

#include <cstdio>
#include <utility>

#include "converter/ir/graph_builder.h"

namespace earshot::blocks {

std::vector<float> Weights::Take(const std::string& name, const std::vector<int64_t>& shape) {
  if (!status_.ok()) return {};
  Result<std::vector<float>> values = source_.Take(name, shape);
  if (values.ok()) return std::move(values).value();
  status_ = values.status();
  return {};
}

void Weights::Drop(const std::string& name, const std::vector<int64_t>& shape) {
  if (Has(name)) Take(name, shape);
}

int Weights::Matrix(const std::string& name, const std::vector<int64_t>& shape, int64_t rows, int64_t cols) {
  if (const int known = Find(name); known != ir::kNone) return known;
  return Add(name, rows, cols, Take(name, shape));
}

int Weights::Add(const std::string& name, int64_t rows, int64_t cols, std::vector<float> values) {
  if (const int known = Find(name); known != ir::kNone) return known;
  if (!status_.ok()) return ir::kNone;
  const int tensor = ir::AddTensor(graph_, name, rows, cols, std::move(values));
  tensors_[name] = tensor;
  return tensor;
}

int Weights::Filled(float value, int64_t cols) {
  char name[64];
  std::snprintf(name, sizeof(name), "constant %.9g x %lld", static_cast<double>(value),
                static_cast<long long>(cols));
  return Add(name, 1, cols, std::vector<float>(static_cast<size_t>(cols), value));
}

int Weights::Find(const std::string& name) const {
  const auto known = tensors_.find(name);
  return known == tensors_.end() ? ir::kNone : known->second;
}

}  // namespace earshot::blocks
