// Builds a method op by op. Shapes of results are inferred, so that a model's graph reads as its
// architecture.
#ifndef EARSHOT_CONVERTER_IR_GRAPH_BUILDER_H_
#define EARSHOT_CONVERTER_IR_GRAPH_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::ir {

// Append a weight matrix (f32, row-major) or a state; return its index in the graph.
int AddTensor(Graph& graph, std::string name, int64_t rows, int64_t cols, std::vector<float> values);
int AddState(Graph& graph, std::string name, DType dtype, int64_t rows, int64_t cols);

// Rows [row_begin, row_begin + rows) and columns [col_begin, col_begin + cols) of a value; cols = 0: all of
// them.
struct ViewWindow {
  Dim row_begin = Dim::Fixed(0);
  Dim rows;
  int64_t col_begin = 0;
  int64_t cols = 0;
};

struct NamedMatrix {
  std::string name;
  DType dtype = DType::kF32;
  Dim rows;
  Dim cols;
  bool is_transient = false;  // of an input or output: fb::Value.transient
};

// Values and symbols are handed out as their indices in the method. After the first op that does not fit its
// operands all later calls return kNone and do nothing; Finish then says what was wrong. Borrows the graph,
// which must outlive the builder.
class MethodBuilder {
 public:
  MethodBuilder(Graph& graph, std::string name);

  int AddSymbol(std::string name, int64_t maximum, int64_t minimum = 1);
  // Rows of a value whose number was rounded down, as a view whose number of rows is a symbol of its own,
  // which `name` is given to; the value itself where its number of rows needs no rounding.
  int WithOwnLength(int value, const std::string& name);
  int AddInput(NamedMatrix matrix) { return AddMatrix(ValueKind::kInput, std::move(matrix)); }
  // A matrix that several ops write in parts.
  int AddActivation(NamedMatrix matrix) { return AddMatrix(ValueKind::kActivation, std::move(matrix)); }
  int AddOutput(NamedMatrix matrix) { return AddMatrix(ValueKind::kOutput, std::move(matrix)); }

  // The value that stands for a tensor or state of the graph; the same one each time.
  int Constant(int tensor);
  int StateValue(int state);

  // A window of a value; of a view, one over all of its rows, unless the view begins at a row whose number is
  // fixed.
  int View(int base, std::string name, ViewWindow window);

  // Appends an op whose result is a new activation with the name of the op; returns that value. `state`: one
  // of the inputs that the op updates in place.
  int Apply(std::string name, Attributes attributes, std::vector<int> inputs, int state = kNone);

  // Appends an op that writes `output`.
  void ApplyInto(std::string name, Attributes attributes, std::vector<int> inputs, int output);

  // Makes an activation that an op wrote an output of the method, under this name.
  void MakeOutput(int value, std::string name);

  // Rows of a value, for ops that need the same number.
  Dim rows(int value) const;
  Dim cols(int value) const;

  // The first error so far.
  const Status& status() const { return status_; }

  // Moves the method into the graph. kInternal names the first op that does not fit.
  Status Finish() &&;

 private:
  int AddMatrix(ValueKind kind, NamedMatrix matrix);
  int AddValue(Value value);
  bool IsValue(int value) const;
  bool Check(const std::string& name, const std::vector<int>& values);

  Graph& graph_;
  Method method_;
  Status status_;
};

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_GRAPH_BUILDER_H_
