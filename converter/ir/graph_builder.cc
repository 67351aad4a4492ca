// Adds tensors, states, values and ops to a graph.
#include "converter/ir/graph_builder.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "converter/ir/dim.h"
#include "converter/ir/shape_inference.h"

namespace earshot::ir {

int AddTensor(Graph& graph, std::string name, int64_t rows, int64_t cols, std::vector<float> values) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.rows = rows;
  tensor.cols = cols;
  tensor.values = std::move(values);
  graph.tensors.push_back(std::move(tensor));
  return static_cast<int>(graph.tensors.size()) - 1;
}

int AddState(Graph& graph, std::string name, DType dtype, int64_t rows, int64_t cols) {
  State state;
  state.name = std::move(name);
  state.dtype = dtype;
  state.rows = rows;
  state.cols = cols;
  graph.states.push_back(std::move(state));
  return static_cast<int>(graph.states.size()) - 1;
}

MethodBuilder::MethodBuilder(Graph& graph, std::string name) : graph_(graph) {
  method_.name = std::move(name);
}

int MethodBuilder::AddSymbol(std::string name, int64_t maximum, int64_t minimum) {
  method_.symbols.push_back({.name = std::move(name), .maximum = maximum, .minimum = minimum});
  return static_cast<int>(method_.symbols.size()) - 1;
}

int MethodBuilder::WithOwnLength(int value, const std::string& name) {
  if (!Check(name, {value})) return kNone;
  const Dim rows = Simplify(method_.values[static_cast<size_t>(value)].rows);
  if (rows.divisor == 1) return value;
  const auto known = std::ranges::find_if(method_.symbols, [&rows](const Symbol& symbol) {
    return symbol.formula && SameLength(*symbol.formula, rows);
  });
  int symbol = static_cast<int>(known - method_.symbols.begin());
  if (known == method_.symbols.end()) {
    const DimRange range = RangeOf(rows, method_.symbols);
    symbol = AddSymbol(name, range.largest, range.smallest);
    method_.symbols.back().formula = rows;
  }
  return View(value, name, {.rows = Dim::Of(symbol), .cols = Simplify(cols(value)).addend});
}

int MethodBuilder::AddMatrix(ValueKind kind, NamedMatrix matrix) {
  Value value;
  value.name = std::move(matrix.name);
  value.kind = kind;
  value.dtype = matrix.dtype;
  value.rows = matrix.rows;
  value.cols = matrix.cols;
  value.is_transient = matrix.is_transient;
  return AddValue(std::move(value));
}

int MethodBuilder::AddValue(Value value) {
  method_.values.push_back(std::move(value));
  return static_cast<int>(method_.values.size()) - 1;
}

int MethodBuilder::Constant(int tensor) {
  const auto known = std::ranges::find_if(method_.values, [tensor](const Value& value) {
    return value.kind == ValueKind::kConstant && value.tensor == tensor;
  });
  if (known != method_.values.end()) return static_cast<int>(known - method_.values.begin());
  const Tensor& source = graph_.tensors[static_cast<size_t>(tensor)];
  Value value;
  value.name = source.name;
  value.kind = ValueKind::kConstant;
  value.dtype = source.dtype;
  value.rows = Dim::Fixed(source.rows);
  value.cols = Dim::Fixed(source.cols);
  value.tensor = tensor;
  return AddValue(std::move(value));
}

int MethodBuilder::StateValue(int state) {
  const auto known = std::ranges::find_if(method_.values, [state](const Value& value) {
    return value.kind == ValueKind::kState && value.state == state;
  });
  if (known != method_.values.end()) return static_cast<int>(known - method_.values.begin());
  const State& source = graph_.states[static_cast<size_t>(state)];
  Value value;
  value.name = source.name;
  value.kind = ValueKind::kState;
  value.dtype = source.dtype;
  value.rows = Dim::Fixed(source.rows);
  value.cols = Dim::Fixed(source.cols);
  value.state = state;
  return AddValue(std::move(value));
}

int MethodBuilder::View(int base, std::string name, ViewWindow window) {
  if (!Check(name, {base})) return kNone;
  Value value;
  value.name = std::move(name);
  value.kind = ValueKind::kView;
  value.dtype = method_.values[static_cast<size_t>(base)].dtype;
  value.base = base;
  value.rows = window.rows;
  value.cols = window.cols == 0 ? method_.values[static_cast<size_t>(base)].cols : Dim::Fixed(window.cols);
  value.row_begin = window.row_begin;
  value.col_begin = window.col_begin;
  // A window of a view is one of its base.
  if (const Value& outer = method_.values[static_cast<size_t>(base)]; outer.kind == ValueKind::kView) {
    const bool has_all_rows = outer.rows == window.rows && window.row_begin == Dim::Fixed(0);
    if (has_all_rows || outer.row_begin.symbol == kNone) {
      value.base = outer.base;
      value.row_begin =
          has_all_rows ? outer.row_begin : AddAndDivide(window.row_begin, outer.row_begin.addend, 1);
      value.col_begin += outer.col_begin;
    }
  }
  return AddValue(std::move(value));
}

int MethodBuilder::Apply(std::string name, Attributes attributes, std::vector<int> inputs, int state) {
  if (!Check(name, inputs)) return kNone;
  const Result<MatrixShape> shape = InferOutputShape(method_, attributes, inputs);
  if (!shape.ok()) {
    status_ = shape.status().WithContext("%s \"%s\"", OpKindName(attributes), name.c_str());
    return kNone;
  }
  const int output = AddMatrix(ValueKind::kActivation, {.name = name,
                                                        .dtype = ResultType(attributes),
                                                        .rows = shape.value().rows,
                                                        .cols = shape.value().cols});
  ApplyInto(std::move(name), std::move(attributes), std::move(inputs), output);
  if (state != kNone && status_.ok()) method_.ops.back().outputs.push_back(state);
  return output;
}

void MethodBuilder::ApplyInto(std::string name, Attributes attributes, std::vector<int> inputs, int output) {
  if (!Check(name, inputs) || !Check(name, {output})) return;
  Op op;
  op.name = std::move(name);
  op.attributes = std::move(attributes);
  op.inputs = std::move(inputs);
  op.outputs = {output};
  method_.ops.push_back(std::move(op));
}

void MethodBuilder::MakeOutput(int value, std::string name) {
  if (!Check(name, {value})) return;
  Value& output = method_.values[static_cast<size_t>(value)];
  if (output.kind != ValueKind::kActivation) {
    status_ =
        Status::Error(StatusCode::kInternal, "\"%s\" cannot be made of what is no activation", name.c_str());
    return;
  }
  output.kind = ValueKind::kOutput;
  output.name = std::move(name);
}

Dim MethodBuilder::rows(int value) const {
  return IsValue(value) ? method_.values[static_cast<size_t>(value)].rows : Dim();
}

Dim MethodBuilder::cols(int value) const {
  return IsValue(value) ? method_.values[static_cast<size_t>(value)].cols : Dim();
}

Status MethodBuilder::Finish() && {
  if (!status_.ok()) return status_.WithContext("method \"%s\"", method_.name.c_str());
  graph_.methods.push_back(std::move(method_));
  return Status::Ok();
}

bool MethodBuilder::IsValue(int value) const {
  return value >= 0 && static_cast<size_t>(value) < method_.values.size();
}

bool MethodBuilder::Check(const std::string& name, const std::vector<int>& values) {
  if (!status_.ok()) return false;
  for (const int value : values) {
    if (IsValue(value)) continue;
    status_ = Status::Error(StatusCode::kInternal, "\"%s\" uses value %d, which does not exist", name.c_str(),
                            value);
    return false;
  }
  return true;
}

}  // namespace earshot::ir
