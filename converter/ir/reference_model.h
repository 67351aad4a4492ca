// A model as its authors' package stores it, for graph builders: settings, shapes of example inputs, weights.
#ifndef EARSHOT_CONVERTER_IR_REFERENCE_MODEL_H_
#define EARSHOT_CONVERTER_IR_REFERENCE_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "converter/ir/hyper_parameters.h"
#include "converter/ir/weight_source.h"

namespace earshot::ir {

struct ReferenceModel {
  std::string name;
  std::string architecture;  // class of the package
  HyperParameters& settings;
  // By name. What the settings leave open comes from here: the width of an image, say, and lengths to plan
  // memory for.
  std::map<std::string, std::vector<int64_t>> example_shapes;
  WeightSource& weights;

  // Length of an axis of an example input; `absent` where there is none.
  int64_t ExampleLength(const std::string& input, size_t axis, int64_t absent) const {
    const auto found = example_shapes.find(input);
    if (found == example_shapes.end() || axis >= found->second.size()) return absent;
    return std::clamp<int64_t>(found->second[axis], 1, 1 << 20);
  }

  // Longest input to plan memory for where the architecture sets no bound.
  int64_t MaxLength(const std::string& input, size_t axis) const {
    constexpr int64_t kUnboundedLength = 512;
    return std::max(kUnboundedLength, ExampleLength(input, axis, 1));
  }
};

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_REFERENCE_MODEL_H_
