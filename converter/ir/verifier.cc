// Checks of tensors, states, values and ops by themselves; write_order.cc checks how ops follow each other.
#include "converter/ir/verifier.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "converter/ir/dim.h"
#include "converter/ir/shape_inference.h"
#include "converter/ir/write_order.h"

namespace earshot::ir {
namespace {

template <class... Arguments>
Status Broken(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInternal, format, arguments...);
}

Status Broken(const char* problem) { return Status::Error(StatusCode::kInternal, "%s", problem); }

bool InRange(int index, size_t count) { return index >= 0 && static_cast<size_t>(index) < count; }

// Names that must be told apart.
class UniqueNames {
 public:
  explicit UniqueNames(const char* what) : what_(what) {}

  Status Add(const std::string& name) {
    if (name.empty()) return Broken("a %s has no name", what_);
    if (!names_.insert(name).second) return Broken("two %ss are named \"%s\"", what_, name.c_str());
    return Status::Ok();
  }

 private:
  const char* what_;
  std::set<std::string_view> names_;
};

// Bytes of the scales that stand beside the data of a quantized matrix (runtime/schema/model.fbs, Tensor).
size_t ScaleBytes(DType dtype, size_t rows, size_t cols) {
  if (dtype == DType::kI8) return rows * sizeof(float);
  if (dtype == DType::kI4) return rows * (cols / static_cast<size_t>(kI4BlockElems)) * sizeof(uint16_t);
  return 0;
}

Status VerifyTensor(const Tensor& tensor) {
  if (tensor.rows < 1 || tensor.rows > kMaxLength || tensor.cols < 1 || tensor.cols > kMaxLength) {
    return Broken("it has %lld rows and %lld columns", static_cast<long long>(tensor.rows),
                  static_cast<long long>(tensor.cols));
  }
  if (tensor.dtype == DType::kI4 && tensor.cols % kI4BlockElems != 0) {
    return Broken("int4 needs a multiple of %lld columns, it has %lld", static_cast<long long>(kI4BlockElems),
                  static_cast<long long>(tensor.cols));
  }
  // At most (2^31)^2 elements of 4 bytes: fits 64 bits.
  const size_t rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  const bool has_values = !tensor.values.empty();
  if (has_values && tensor.values.size() != rows * cols) {
    return Broken("it has %zu values for %zu rows and %zu columns", tensor.values.size(), rows, cols);
  }
  if (tensor.dtype == DType::kF32 && tensor.data.empty() && has_values) return Status::Ok();
  if (tensor.data.size() != DTypeBytes(tensor.dtype, rows * cols) ||
      tensor.scales.size() != ScaleBytes(tensor.dtype, rows, cols)) {
    return Broken("%zu rows and %zu columns of type %s do not make %zu bytes with %zu bytes of scales", rows,
                  cols, DTypeName(tensor.dtype), tensor.data.size(), tensor.scales.size());
  }
  return Status::Ok();
}

Status VerifyTensors(const Graph& graph) {
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.name.empty()) return Broken("tensor %zu has no name", i);
    if (const Status status = VerifyTensor(tensor); !status.ok()) {
      return status.WithContext("tensor %zu \"%s\"", i, tensor.name.c_str());
    }
  }
  const AudioFrontEnd& audio = graph.audio;
  if (audio.mel_filters == kNone) return Status::Ok();
  if (!InRange(audio.mel_filters, graph.tensors.size()))
    return Broken("there is no tensor %d of mel filters", audio.mel_filters);
  const Tensor& filters = graph.tensors[static_cast<size_t>(audio.mel_filters)];
  if (filters.dtype != DType::kF32 || filters.rows != audio.num_mels ||
      filters.cols != audio.fft_length / 2 + 1) {
    return Broken("the mel filters are %lld x %lld of type %s, not %lld x %lld of type f32",
                  static_cast<long long>(filters.rows), static_cast<long long>(filters.cols),
                  DTypeName(filters.dtype), static_cast<long long>(audio.num_mels),
                  static_cast<long long>(audio.fft_length / 2 + 1));
  }
  return Status::Ok();
}

Status VerifyStates(const Graph& graph) {
  UniqueNames names("state");
  for (const State& state : graph.states) {
    EARSHOT_RETURN_IF_ERROR(names.Add(state.name));
    const bool has_shape =
        state.rows >= 1 && state.rows <= kMaxLength && state.cols >= 1 && state.cols <= kMaxLength;
    if (!has_shape || state.dtype == DType::kI4) {
      return Broken("state \"%s\" cannot be %lld x %lld of type %s", state.name.c_str(),
                    static_cast<long long>(state.rows), static_cast<long long>(state.cols),
                    DTypeName(state.dtype));
    }
  }
  return Status::Ok();
}

Status VerifyFormula(const Method& method, size_t index) {
  const Symbol& symbol = method.symbols[index];
  const bool is_of_earlier =
      symbol.formula->symbol >= 0 && static_cast<size_t>(symbol.formula->symbol) < index;
  if (!is_of_earlier) return Broken("symbol \"%s\" has a formula of no earlier symbol", symbol.name.c_str());
  EARSHOT_RETURN_IF_ERROR(CheckDim(*symbol.formula, method.symbols));
  const DimRange range = RangeOf(*symbol.formula, method.symbols);
  if (range.smallest >= symbol.minimum && range.largest <= symbol.maximum) return Status::Ok();
  return Broken("symbol \"%s\" does not hold what its formula gives", symbol.name.c_str());
}

Status VerifySymbols(const Method& method) {
  UniqueNames names("symbol");
  for (size_t i = 0; i < method.symbols.size(); ++i) {
    if (method.symbols[i].formula) EARSHOT_RETURN_IF_ERROR(VerifyFormula(method, i));
  }
  for (const Symbol& symbol : method.symbols) {
    EARSHOT_RETURN_IF_ERROR(names.Add(symbol.name));
    if (symbol.minimum < 0 || symbol.minimum > symbol.maximum || symbol.maximum > kMaxLength) {
      return Broken("symbol \"%s\" runs from %lld to %lld", symbol.name.c_str(),
                    static_cast<long long>(symbol.minimum), static_cast<long long>(symbol.maximum));
    }
  }
  return Status::Ok();
}

Status VerifyStandsFor(const Value& value, DType dtype, int64_t rows, int64_t cols) {
  if (value.dtype != dtype)
    return Broken("it is of type %s, what it stands for of %s", DTypeName(value.dtype), DTypeName(dtype));
  if (!SameLength(value.rows, Dim::Fixed(rows)) || !SameLength(value.cols, Dim::Fixed(cols))) {
    return Broken("what it stands for has %lld rows and %lld columns", static_cast<long long>(rows),
                  static_cast<long long>(cols));
  }
  return Status::Ok();
}

// The end of the window must not pass the end of its base; exact where both depend on one symbol, else at the
// symbols' smallest values.
Status VerifyViewRows(const Method& method, const Value& view, const Value& base) {
  int symbol = kNone;
  bool has_one_symbol = true;
  for (const Dim& dim : {view.row_begin, view.rows, base.rows}) {
    const int used = Simplify(dim).symbol;
    if (used == kNone) continue;
    has_one_symbol = has_one_symbol && (symbol == kNone || symbol == used);
    symbol = used;
  }
  std::vector<int64_t> values;
  for (const Symbol& s : method.symbols) values.push_back(s.minimum);
  const auto fits = [&] {
    return Evaluate(view.row_begin, values) + Evaluate(view.rows, values) <= Evaluate(base.rows, values);
  };
  bool inside = fits();
  if (inside && has_one_symbol && symbol != kNone) {
    values[static_cast<size_t>(symbol)] = method.symbols[static_cast<size_t>(symbol)].maximum;
    inside = fits();
  }
  if (inside) return Status::Ok();
  return Broken("its rows, %s from %s on, leave its base of %s rows",
                DimText(view.rows, method.symbols).c_str(), DimText(view.row_begin, method.symbols).c_str(),
                DimText(base.rows, method.symbols).c_str());
}

Status VerifyView(const Method& method, const Value& view) {
  if (!InRange(view.base, method.values.size()))
    return Broken("it is a view of value %d, which does not exist", view.base);
  const Value& base = method.values[static_cast<size_t>(view.base)];
  if (base.kind == ValueKind::kView) return Broken("it is a view of a view, \"%s\"", base.name.c_str());
  if (base.dtype != view.dtype)
    return Broken("it is of type %s, its base of %s", DTypeName(view.dtype), DTypeName(base.dtype));
  EARSHOT_RETURN_IF_ERROR(CheckDim(view.row_begin, method.symbols));
  EARSHOT_RETURN_IF_ERROR(CheckDim(base.rows, method.symbols));
  EARSHOT_RETURN_IF_ERROR(CheckDim(base.cols, method.symbols));
  const Dim cols = Simplify(view.cols), base_cols = Simplify(base.cols);
  if (cols.symbol != kNone || base_cols.symbol != kNone)
    return Broken("a view and its base need fixed numbers of columns");
  if (view.col_begin < 0 || view.col_begin > base_cols.addend - cols.addend) {
    return Broken("its columns, %lld from %lld on, leave its base of %lld",
                  static_cast<long long>(cols.addend), static_cast<long long>(view.col_begin),
                  static_cast<long long>(base_cols.addend));
  }
  return VerifyViewRows(method, view, base);
}

Status VerifyValue(const Graph& graph, const Method& method, const Value& value) {
  EARSHOT_RETURN_IF_ERROR(CheckDim(value.rows, method.symbols));
  EARSHOT_RETURN_IF_ERROR(CheckDim(value.cols, method.symbols));
  switch (value.kind) {
    case ValueKind::kActivation:
    case ValueKind::kInput:
    case ValueKind::kOutput:
      return value.dtype == DType::kI4 ? Broken("int4 is a type for weights only") : Status::Ok();
    case ValueKind::kConstant: {
      if (!InRange(value.tensor, graph.tensors.size())) return Broken("there is no tensor %d", value.tensor);
      const Tensor& tensor = graph.tensors[static_cast<size_t>(value.tensor)];
      return VerifyStandsFor(value, tensor.dtype, tensor.rows, tensor.cols);
    }
    case ValueKind::kState: {
      if (!InRange(value.state, graph.states.size())) return Broken("there is no state %d", value.state);
      const State& state = graph.states[static_cast<size_t>(value.state)];
      return VerifyStandsFor(value, state.dtype, state.rows, state.cols);
    }
    case ValueKind::kView:
      return VerifyView(method, value);
  }
  return Broken("it is of no known kind");
}

Status VerifyValues(const Graph& graph, const Method& method) {
  UniqueNames interface_names("input or output");
  std::set<int> states;
  for (size_t i = 0; i < method.values.size(); ++i) {
    const Value& value = method.values[i];
    if (const Status status = VerifyValue(graph, method, value); !status.ok()) {
      return status.WithContext("value %zu \"%s\"", i, value.name.c_str());
    }
    const bool is_interface = value.kind == ValueKind::kInput || value.kind == ValueKind::kOutput;
    if (is_interface) EARSHOT_RETURN_IF_ERROR(interface_names.Add(value.name));
    if (value.kind == ValueKind::kState && !states.insert(value.state).second) {
      return Broken("value %zu \"%s\": another value stands for the same state", i, value.name.c_str());
    }
  }
  return Status::Ok();
}

// The scales of an 8-bit result: f32, as many rows, a divisor of its columns.
Status VerifyScales(const Value& result, const Value& scales) {
  const int64_t cols = Simplify(result.cols).addend, groups = Simplify(scales.cols).addend;
  if (scales.dtype == DType::kF32 && SameLength(scales.rows, result.rows) && groups >= 1 &&
      cols % groups == 0)
    return Status::Ok();
  return Broken("\"%s\" cannot hold the scales of \"%s\"", scales.name.c_str(), result.name.c_str());
}

// What an op that updates states has beside its result are states that it reads.
Status VerifyUpdates(const Method& method, const Op& op) {
  for (size_t i = 1; i < op.outputs.size(); ++i) {
    const Value& state = method.values[static_cast<size_t>(op.outputs[i])];
    const bool is_read = std::ranges::find(op.inputs, op.outputs[i]) != op.inputs.end();
    if (state.kind != ValueKind::kState || !is_read)
      return Broken("it updates \"%s\", which is no state that it reads", state.name.c_str());
  }
  return Status::Ok();
}

// Results are f32, or i32 where they are indices; a cache may keep those of linear ops as f16, or as 8-bit
// integers with scales.
Status VerifyResult(const Method& method, const Op& op) {
  const auto value = [&method, &op](size_t i) { return method.values[static_cast<size_t>(op.outputs[i])]; };
  const bool is_int8 =
      !op.outputs.empty() && std::holds_alternative<Linear>(op.attributes) && value(0).dtype == DType::kI8;
  const bool has_two = is_int8 || (UpdatesState(op.attributes) && op.outputs.size() == 2);
  const size_t num_results = has_two ? 2 : 1;
  if (op.outputs.size() != num_results)
    return Broken("it has %zu results, not %zu", op.outputs.size(), num_results);
  if (is_int8) {
    EARSHOT_RETURN_IF_ERROR(VerifyScales(value(0), value(1)));
  } else {
    EARSHOT_RETURN_IF_ERROR(VerifyUpdates(method, op));
  }
  EARSHOT_ASSIGN_OR_RETURN(const MatrixShape shape, InferOutputShape(method, op.attributes, op.inputs));
  const Value& result = method.values[static_cast<size_t>(op.outputs[0])];
  const bool is_float = result.dtype == DType::kF32 || result.dtype == DType::kF16 || is_int8;
  if (ResultType(op.attributes) == DType::kI32 ? result.dtype != DType::kI32 : !is_float) {
    return Broken("its result \"%s\" is of type %s", result.name.c_str(), DTypeName(result.dtype));
  }
  if (!SameLength(result.rows, shape.rows) || !SameLength(result.cols, shape.cols)) {
    return Broken("its result is %s x %s, \"%s\" is %s x %s", DimText(shape.rows, method.symbols).c_str(),
                  DimText(shape.cols, method.symbols).c_str(), result.name.c_str(),
                  DimText(result.rows, method.symbols).c_str(), DimText(result.cols, method.symbols).c_str());
  }
  return Status::Ok();
}

Status VerifyOps(const Method& method) {
  WriteOrder order(method);
  for (size_t i = 0; i < method.ops.size(); ++i) {
    const Op& op = method.ops[i];
    Status status;
    for (const auto* operands : {&op.inputs, &op.outputs}) {
      for (const int value : *operands) {
        if (!InRange(value, method.values.size()))
          status = Broken("it uses value %d, which does not exist", value);
      }
    }
    if (status.ok()) status = VerifyResult(method, op);
    if (status.ok()) status = order.Step(op);
    if (!status.ok())
      return status.WithContext("op %zu \"%s\" (%s)", i, op.name.c_str(), OpKindName(op.attributes));
  }
  return order.VerifyOutputs();
}

Status VerifyMethod(const Graph& graph, const Method& method) {
  EARSHOT_RETURN_IF_ERROR(VerifySymbols(method));
  EARSHOT_RETURN_IF_ERROR(VerifyValues(graph, method));
  return VerifyOps(method);
}

}  // namespace

Status Verify(const Graph& graph) {
  EARSHOT_RETURN_IF_ERROR(VerifyTensors(graph));
  EARSHOT_RETURN_IF_ERROR(VerifyStates(graph));
  UniqueNames names("method");
  for (const Method& method : graph.methods) {
    EARSHOT_RETURN_IF_ERROR(names.Add(method.name));
    const Status status = VerifyMethod(graph, method);
    if (!status.ok()) return status.WithContext("method \"%s\"", method.name.c_str());
  }
  return Status::Ok();
}

}  // namespace earshot::ir
