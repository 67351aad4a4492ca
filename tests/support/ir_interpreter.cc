// Scalar evaluation of every op in double precision.
#include "tests/support/ir_interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "runtime/core/float16.h"

namespace earshot::test {
namespace {

void Require(bool condition, const std::string& problem) {
  if (!condition) throw std::runtime_error("IR interpreter: " + problem);
}

int64_t Length(const ir::Dim& dim, const std::vector<int64_t>& symbols) {
  const int64_t symbol = dim.symbol == ir::kNone ? 0 : symbols.at(static_cast<size_t>(dim.symbol));
  const double exact =
      static_cast<double>(symbol * dim.multiplier + dim.addend) / static_cast<double>(dim.divisor);
  return static_cast<int64_t>(std::floor(exact));
}

template <class T>
T Stored(const std::vector<std::byte>& bytes, size_t index) {
  Require((index + 1) * sizeof(T) <= bytes.size(), "a tensor is shorter than its shape");
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

// Element i of a stored matrix, by the layouts of fb::Tensor.
double StoredElement(const ir::Tensor& tensor, size_t i) {
  const size_t cols = static_cast<size_t>(tensor.cols);
  switch (tensor.dtype) {
    case DType::kF32:
      return static_cast<double>(Stored<float>(tensor.data, i));
    case DType::kF16:
      return static_cast<double>(ToFloat(Stored<Float16>(tensor.data, i)));
    case DType::kI32:
      return Stored<int32_t>(tensor.data, i);
    case DType::kI8:
      return Stored<int8_t>(tensor.data, i) * static_cast<double>(Stored<float>(tensor.scales, i / cols));
    case DType::kI4: {
      const int pair = Stored<uint8_t>(tensor.data, i / 2);
      const int quantized = (i % 2 == 0 ? pair & 15 : pair >> 4) - 8;
      return quantized * static_cast<double>(BFloat16ToFloat(Stored<uint16_t>(tensor.scales, i / 32)));
    }
  }
  throw std::runtime_error("IR interpreter: unknown type");
}

// What is stored in the file goes before the f32 values it was made from.
std::vector<double> Dequantize(const ir::Tensor& tensor) {
  if (tensor.data.empty()) return {tensor.values.begin(), tensor.values.end()};
  std::vector<double> values(static_cast<size_t>(tensor.rows * tensor.cols));
  for (size_t i = 0; i < values.size(); ++i) values[i] = StoredElement(tensor, i);
  return values;
}

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double Activated(ir::Activation activation, double x) {
  switch (activation) {
    case ir::Activation::kNone:
      return x;
    case ir::Activation::kGelu:
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case ir::Activation::kRelu:
      return std::max(x, 0.0);
    case ir::Activation::kSilu:
      return x * Sigmoid(x);
    case ir::Activation::kTanh:
      return std::tanh(x);
    case ir::Activation::kSigmoid:
      return Sigmoid(x);
    case ir::Activation::kGeluTanh:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  }
  throw std::runtime_error("IR interpreter: unknown activation");
}

}  // namespace

IrInterpreter::IrInterpreter(const ir::Graph& graph, StatePrecision precision)
    : graph_(graph), precision_(precision) {
  for (const ir::State& state : graph.states)
    states_.emplace_back(static_cast<size_t>(state.rows * state.cols), 0.0);
}

void IrInterpreter::SetState(const std::string& name, int64_t row, int64_t col, double value) {
  const auto state = std::ranges::find(graph_.states, name, &ir::State::name);
  Require(state != graph_.states.end(), "there is no such state");
  Require(row >= 0 && row < state->rows && col >= 0 && col < state->cols, "a state is smaller than that");
  states_[static_cast<size_t>(state - graph_.states.begin())][static_cast<size_t>(row * state->cols + col)] =
      value;
}

void IrInterpreter::Run(const std::string& method, const std::map<std::string, int64_t>& symbols) {
  const auto found = std::ranges::find(graph_.methods, method, &ir::Method::name);
  Require(found != graph_.methods.end(), "no method " + method);
  method_ = &*found;
  symbols_.clear();
  for (const ir::Symbol& symbol : method_->symbols) {
    const auto value = symbols.find(symbol.name);
    Require(value != symbols.end(), "no value for symbol " + symbol.name);
    Require(value->second >= symbol.minimum && value->second <= symbol.maximum,
            "symbol " + symbol.name + " is out of range");
    symbols_.push_back(value->second);
  }
  Allocate();
  for (const ir::Op& op : method_->ops) Eval(op);
}

void IrInterpreter::Allocate() {
  values_.assign(method_->values.size(), {});
  for (size_t i = 0; i < values_.size(); ++i) {
    const ir::Value& value = method_->values[i];
    const size_t size = static_cast<size_t>(Length(value.rows, symbols_) * Length(value.cols, symbols_));
    if (value.kind == ir::ValueKind::kInput) {
      Require(inputs_.contains(value.name) && inputs_[value.name].size() == size,
              "input " + value.name + " is missing or misshapen");
      values_[i] = inputs_[value.name];
    } else if (value.kind == ir::ValueKind::kActivation || value.kind == ir::ValueKind::kOutput) {
      values_[i].assign(size, std::nan(""));  // what is read without being written shows
    }
  }
}

std::vector<double>& IrInterpreter::StorageOf(int value) {
  const ir::Value& v = method_->values.at(static_cast<size_t>(value));
  if (v.kind == ir::ValueKind::kState) return states_.at(static_cast<size_t>(v.state));
  if (v.kind != ir::ValueKind::kConstant) return values_.at(static_cast<size_t>(value));
  auto found = tensors_.find(v.tensor);
  if (found == tensors_.end()) {
    found = tensors_.emplace(v.tensor, Dequantize(graph_.tensors.at(static_cast<size_t>(v.tensor)))).first;
  }
  return found->second;
}

IrInterpreter::Matrix IrInterpreter::View(int value) {
  const ir::Value& v = method_->values.at(static_cast<size_t>(value));
  const int64_t rows = Length(v.rows, symbols_), cols = Length(v.cols, symbols_);
  if (v.kind != ir::ValueKind::kView) return {StorageOf(value).data(), rows, cols, cols};
  const Matrix base = View(v.base);
  const int64_t row_begin = Length(v.row_begin, symbols_);
  Require(
      row_begin >= 0 && row_begin + rows <= base.rows && v.col_begin >= 0 && v.col_begin + cols <= base.cols,
      "view " + v.name + " leaves its base");
  return {base.data + row_begin * base.stride + v.col_begin, rows, cols, base.stride};
}

std::vector<double> IrInterpreter::Read(const std::string& value) {
  Require(method_ != nullptr, "nothing has run");
  const auto found = std::ranges::find(method_->values, value, &ir::Value::name);
  Require(found != method_->values.end(), "no value " + value);
  const Matrix matrix = View(static_cast<int>(found - method_->values.begin()));
  std::vector<double> numbers;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t col = 0; col < matrix.cols; ++col) numbers.push_back(matrix.At(row, col));
  }
  return numbers;
}

void IrInterpreter::Eval(const ir::Op& op) {
  std::vector<Matrix> in;
  for (const int input : op.inputs) in.push_back(View(input));
  Require(!op.outputs.empty(), "op " + op.name + " has no output");
  const Matrix out = View(op.outputs[0]);
  // A state that is updated is the last of the operands.
  std::visit([&](const auto& attributes) { Compute(attributes, in, out); }, op.attributes);
  for (const int output : op.outputs) RoundState(output, View(output));
}

void IrInterpreter::RoundState(int value, const Matrix& out) const {
  const ir::Value& v = method_->values[static_cast<size_t>(value)];
  const ir::Value& base = v.kind == ir::ValueKind::kView ? method_->values[static_cast<size_t>(v.base)] : v;
  if (base.kind != ir::ValueKind::kState || precision_ == StatePrecision::kExact) return;
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      const float rounded = static_cast<float>(out.At(row, col));
      out.At(row, col) =
          static_cast<double>(base.dtype == DType::kF16 ? ToFloat(ToFloat16(rounded)) : rounded);
    }
  }
}

double IrInterpreter::DenseSum(const Matrix& x, int64_t row, const Matrix& weight, int64_t col, double bias) {
  double sum = bias;
  for (int64_t k = 0; k < x.cols; ++k) sum += x.At(row, k) * weight.At(col, k);
  return sum;
}

void IrInterpreter::Compute(const ir::Linear& linear, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &x = in.at(0), &weight = in.at(1);
  Require(x.rows == out.rows && x.cols == weight.cols && weight.rows == out.cols,
          "a linear layer's shapes do not agree");
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      const double bias = in.size() > 2 ? in[2].At(0, col) : 0.0;
      out.At(row, col) = Activated(linear.activation, DenseSum(x, row, weight, col, bias));
    }
  }
}

void IrInterpreter::Compute(const ir::FeedForward& layers, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &x = in.at(0), &narrow = in.at(3);
  Require(x.rows == out.rows && x.cols == in.at(1).cols && in.at(1).rows == narrow.cols,
          "a feed-forward layer's shapes do not agree");
  std::vector<double> hidden(static_cast<size_t>(narrow.cols));
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t h = 0; h < narrow.cols; ++h) {
      hidden[static_cast<size_t>(h)] =
          Activated(layers.activation, DenseSum(x, row, in.at(1), h, in.at(2).At(0, h)));
    }
    for (int64_t col = 0; col < out.cols; ++col) {
      double sum = in.at(4).At(0, col);
      for (int64_t h = 0; h < narrow.cols; ++h) sum += hidden[static_cast<size_t>(h)] * narrow.At(col, h);
      out.At(row, col) = sum;
    }
  }
}

void IrInterpreter::Compute(const ir::Conv1d& conv, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &x = in.at(0), &weight = in.at(1);
  const int64_t channels = x.cols / conv.groups, group_outputs = out.cols / conv.groups;
  Require(weight.cols == conv.kernel * channels && weight.rows == out.cols,
          "a convolution's shapes do not agree");
  const int64_t padding_end = conv.padding_end < 0 ? conv.padding : conv.padding_end;
  const int64_t extent = (conv.kernel - 1) * conv.dilation + 1;
  Require(out.rows == (x.rows + conv.padding + padding_end - extent) / conv.stride + 1,
          "a convolution's lengths do not agree");
  // Rows that no window reaches stand behind the last one, or before the first.
  const int64_t left_over = (x.rows + conv.padding + padding_end - extent) % conv.stride;
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      double sum = in.size() > 2 ? in[2].At(0, col) : 0.0;
      for (int64_t tap = 0; tap < conv.kernel; ++tap) {
        const int64_t time =
            row * conv.stride - conv.padding + (conv.ends_last ? left_over : 0) + tap * conv.dilation;
        if (time < 0 || time >= x.rows) continue;
        for (int64_t c = 0; c < channels; ++c)
          sum += x.At(time, col / group_outputs * channels + c) * weight.At(col, tap * channels + c);
      }
      out.At(row, col) = Activated(conv.activation, sum);
    }
  }
}

void IrInterpreter::Compute(const ir::LayerNorm& norm, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix& x = in.at(0);
  const double count = static_cast<double>(x.cols);
  for (int64_t row = 0; row < x.rows; ++row) {
    double mean = 0, variance = 0;
    for (int64_t col = 0; col < x.cols; ++col) mean += x.At(row, col) / count;
    for (int64_t col = 0; col < x.cols; ++col)
      variance += (x.At(row, col) - mean) * (x.At(row, col) - mean) / count;
    const double deviation = std::sqrt(variance + static_cast<double>(norm.epsilon));
    for (int64_t col = 0; col < x.cols; ++col) {
      const double beta = in.size() > 2 ? in[2].At(0, col) : 0.0;
      out.At(row, col) = (x.At(row, col) - mean) / deviation * in.at(1).At(0, col) + beta;
    }
  }
}

void IrInterpreter::Compute(const ir::Add&, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &a = in.at(0), &b = in.at(1);
  Require(a.rows == out.rows && a.cols == out.cols && b.cols == out.cols && (b.rows == 1 || b.rows == a.rows),
          "the shapes of a sum do not agree");
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col)
      out.At(row, col) = a.At(row, col) + b.At(b.rows == 1 ? 0 : row, col);
  }
}

void IrInterpreter::Compute(const ir::Embedding&, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &ids = in.at(0), &table = in.at(1);
  for (int64_t row = 0; row < ids.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      const int64_t id = static_cast<int64_t>(ids.At(row, col * ids.cols / out.cols));
      Require(id >= 0 && id < table.rows, "a token id is outside the embedding");
      out.At(row, col) = table.At(id, col);
    }
  }
}

void IrInterpreter::Compute(const ir::Activate& activate, const std::vector<Matrix>& in, const Matrix& out) {
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col)
      out.At(row, col) = Activated(activate.activation, in.at(0).At(row, col));
  }
}

}  // namespace earshot::test
