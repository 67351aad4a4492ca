// What a model file holds, in words and numbers, for `earshot inspect`.
#ifndef EARSHOT_PLATFORM_CLI_MODEL_DESCRIPTION_H_
#define EARSHOT_PLATFORM_CLI_MODEL_DESCRIPTION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/engine/program.h"

namespace earshot::cli {

// A matrix in a method. Lengths are formulas in the method's symbols, for example "2*frames".
struct ValueDescription {
  std::string
      label;  // its name, that of the tensor or state behind it, or "%7"; a view adds "[row..., column...]"
  std::string rows;
  std::string cols;
  std::string dtype;
  bool is_lasting =
      false;  // a state, an input or an output, or a view of one: a name that means something to readers

  std::string Text() const;  // "mel 2*frames x 80 f32"
  std::string ShapeText()
      const;  // "2*frames x 80"; other types than f32 are added, and the label where it is lasting
};

struct OpDescription {
  std::string kind;  // "Linear"
  std::string name;
  std::string attributes;  // "gelu", "6 heads, causal"; may be empty
  std::vector<ValueDescription> inputs;
  std::vector<ValueDescription> outputs;
};

struct SymbolDescription {
  std::string name;
  uint32_t minimum = 0;
  uint32_t maximum = 0;
};

struct MethodDescription {
  std::string name;
  std::vector<SymbolDescription> symbols;
  std::vector<ValueDescription> inputs;
  std::vector<ValueDescription> outputs;
  std::vector<OpDescription> ops;
};

struct LoopDescription {
  std::string name;
  std::string driver;
  std::string methods;   // "encode, decode"
  std::string settings;  // "start=1, end=2"; may be empty
};

struct StateDescription {
  std::string name;
  std::string dtype;
  uint64_t rows = 0;
  uint64_t cols = 0;
  uint64_t size_bytes = 0;
};

// All tensors of one element type.
struct WeightTypeDescription {
  std::string dtype;
  uint64_t num_tensors = 0;
  uint64_t num_values = 0;
  uint64_t data_bytes = 0;
  uint64_t scales_bytes = 0;
};

struct ModelDescription {
  uint32_t format_version = 0;
  std::string family;
  std::string name;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<std::pair<std::string, int64_t>> sizes;  // "encoder layers", 4
  std::vector<WeightTypeDescription> weights;          // only types that occur
  std::vector<MethodDescription> methods;
  std::vector<LoopDescription> loops;
  std::vector<StateDescription> states;
};

// Text from the file is made printable: a hostile file must not reach the terminal's control sequences.
ModelDescription DescribeModel(const Program& program);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MODEL_DESCRIPTION_H_
