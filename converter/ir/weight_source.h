// What a checkpoint reader gives to a model's graph builder: tensors by their Hugging Face name, each taken
// once.
#ifndef EARSHOT_CONVERTER_IR_WEIGHT_SOURCE_H_
#define EARSHOT_CONVERTER_IR_WEIGHT_SOURCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::ir {

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual bool Has(const std::string& name) const = 0;

  // Empty if there is no such tensor, or it is a single number.
  virtual std::vector<int64_t> ShapeOf(const std::string& name) const = 0;

  // The tensor as f32, row-major, and marks it as used. kNotFound names a missing tensor, kInvalidModel a
  // tensor of another shape (the message holds both shapes).
  virtual Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>& shape) = 0;

  // Marks a tensor as used that says nothing about inference, without reading it.
  virtual void Drop(const std::string& name) = 0;

  // Names never taken, sorted: an error for the caller to report unless the list is empty.
  virtual std::vector<std::string> Unused() const = 0;
};

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_WEIGHT_SOURCE_H_
