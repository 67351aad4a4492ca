// Scalar evaluation of elementwise functions, norms, reductions and products in double precision.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "tests/support/ir_interpreter.h"

namespace earshot::test {
namespace {

double Applied(ir::BinaryFunction function, double a, double b) {
  switch (function) {
    case ir::BinaryFunction::Multiply:
      return a * b;
    case ir::BinaryFunction::Subtract:
      return a - b;
    case ir::BinaryFunction::Divide:
      return a / b;
    case ir::BinaryFunction::Maximum:
      return std::max(a, b);
    case ir::BinaryFunction::Minimum:
      return std::min(a, b);
  }
  throw std::runtime_error("IR interpreter: unknown function of two numbers");
}

double Applied(ir::UnaryFunction function, double x) {
  switch (function) {
    case ir::UnaryFunction::Exp:
      return std::exp(x);
    case ir::UnaryFunction::Log:
      return std::log(x);
    case ir::UnaryFunction::Sqrt:
      return std::sqrt(x);
    case ir::UnaryFunction::Square:
      return x * x;
    case ir::UnaryFunction::Abs:
      return std::abs(x);
    case ir::UnaryFunction::Sin:
      return std::sin(x);
    case ir::UnaryFunction::Cos:
      return std::cos(x);
    case ir::UnaryFunction::Asinh:
      return std::asinh(x);
    case ir::UnaryFunction::Acos:
      return std::acos(x);
    case ir::UnaryFunction::Tanh:
      return std::tanh(x);
    case ir::UnaryFunction::EluPlusOne:
      return x > 0 ? x + 1 : std::exp(x);
  }
  throw std::runtime_error("IR interpreter: unknown function");
}

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// Indices of all elements that are handled together, for each such set.
using Cells = std::vector<std::pair<int64_t, int64_t>>;
std::vector<Cells> Sets(int64_t rows, int64_t cols, ir::Axis axis, int64_t groups) {
  const int64_t per_row = axis == ir::Axis::Row ? groups : 1;
  const int64_t count = axis == ir::Axis::Row ? rows * groups : axis == ir::Axis::Column ? cols : 1;
  std::vector<Cells> sets(static_cast<size_t>(count));
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const int64_t set = axis == ir::Axis::Row      ? row * per_row + col / (cols / groups)
                          : axis == ir::Axis::Column ? col
                                                     : 0;
      sets[static_cast<size_t>(set)].emplace_back(row, col);
    }
  }
  return sets;
}

}  // namespace

void IrInterpreter::Compute(const ir::ScaleShift&, const std::vector<Matrix>& in, const Matrix& out) {
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col)
      out.At(row, col) = in.at(0).At(row, col) * in.at(1).At(0, col) + in.at(2).At(0, col);
  }
}

void IrInterpreter::Compute(const ir::Binary& binary, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &a = in.at(0), &b = in.at(1);
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      const double second = b.At(b.rows == 1 ? 0 : row, col / (a.cols / b.cols));
      out.At(row, col) = Applied(binary.function, a.At(row, col), second);
    }
  }
}

void IrInterpreter::Compute(const ir::Unary& unary, const std::vector<Matrix>& in, const Matrix& out) {
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col)
      out.At(row, col) = Applied(unary.function, in.at(0).At(row, col));
  }
}

void IrInterpreter::Compute(const ir::Normalize& normalize, const std::vector<Matrix>& in,
                            const Matrix& out) {
  const Matrix& x = in.at(0);
  const double epsilon = static_cast<double>(normalize.epsilon);
  for (const Cells& cells : Sets(x.rows, x.cols, normalize.axis, normalize.groups)) {
    const double count = static_cast<double>(cells.size());
    double mean = 0, squares = 0;
    if (normalize.kind == ir::NormalizeKind::Standard) {
      for (const auto& [row, col] : cells) mean += x.At(row, col) / count;
    }
    for (const auto& [row, col] : cells) squares += (x.At(row, col) - mean) * (x.At(row, col) - mean);
    const double size = normalize.kind == ir::NormalizeKind::Length ? std::max(std::sqrt(squares), epsilon)
                                                                    : std::sqrt(squares / count + epsilon);
    for (const auto& [row, col] : cells) {
      const double gamma = in.size() > 1 ? in[1].At(0, col) : 1.0,
                   beta = in.size() > 2 ? in[2].At(0, col) : 0.0;
      out.At(row, col) = (x.At(row, col) - mean) / size * gamma + beta;
    }
  }
}

void IrInterpreter::Compute(const ir::Softmax& softmax, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix& x = in.at(0);
  for (const Cells& cells : Sets(x.rows, x.cols, softmax.axis, softmax.groups)) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const auto& [row, col] : cells) largest = std::max(largest, x.At(row, col));
    for (const auto& [row, col] : cells) sum += std::exp(x.At(row, col) - largest);
    for (const auto& [row, col] : cells) {
      const double shifted = x.At(row, col) - largest;
      out.At(row, col) = softmax.log ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  }
}

void IrInterpreter::Compute(const ir::Reduce& reduce, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix& x = in.at(0);
  const std::vector<Cells> sets = Sets(x.rows, x.cols, reduce.axis, reduce.groups);
  for (size_t set = 0; set < sets.size(); ++set) {
    double sum = 0, largest = -std::numeric_limits<double>::infinity(), smallest = -largest;
    for (const auto& [row, col] : sets[set]) {
      sum += x.At(row, col);
      largest = std::max(largest, x.At(row, col));
      smallest = std::min(smallest, x.At(row, col));
    }
    const int64_t index = static_cast<int64_t>(set);
    double& result = out.At(index / out.cols, index % out.cols);
    switch (reduce.function) {
      case ir::ReduceFunction::Sum:
        result = sum;
        break;
      case ir::ReduceFunction::Mean:
        result = sum / static_cast<double>(sets[set].size());
        break;
      case ir::ReduceFunction::Maximum:
        result = largest;
        break;
      case ir::ReduceFunction::Minimum:
        result = smallest;
    }
  }
}

void IrInterpreter::Compute(const ir::ArgMax& arg_max, const std::vector<Matrix>& in, const Matrix& out) {
  const int64_t width = in.at(0).cols / arg_max.groups;
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t group = 0; group < out.cols; ++group) {
      std::vector<double> elements;
      for (int64_t i = 0; i < width; ++i) elements.push_back(in[0].At(row, group * width + i));
      for (int64_t i = 0; arg_max.both_signs && i < width; ++i)
        elements.push_back(-elements[static_cast<size_t>(i)]);
      out.At(row, group) = static_cast<double>(std::ranges::max_element(elements) - elements.begin());
    }
  }
}

void IrInterpreter::Compute(const ir::MatMul& product, const std::vector<Matrix>& in, const Matrix& out) {
  const int64_t groups = product.groups;
  const auto group_of = [groups](const Matrix& all, ir::GroupLayout layout, int64_t group) {
    Matrix part = all;
    if (layout == ir::GroupLayout::Rows) part.rows /= groups;
    if (layout == ir::GroupLayout::Columns) part.cols /= groups;
    if (layout == ir::GroupLayout::Rows) part.data += group * part.rows * part.stride;
    if (layout == ir::GroupLayout::Columns) part.data += group * part.cols;
    return part;
  };
  for (int64_t group = 0; group < groups; ++group) {
    const Matrix a = group_of(in.at(0), product.a_layout, group),
                 b = group_of(in.at(1), product.b_layout, group);
    const Matrix part = group_of(out, product.out_layout, group);
    const int64_t inner = product.transpose_a ? a.rows : a.cols;
    for (int64_t row = 0; row < part.rows; ++row) {
      for (int64_t col = 0; col < part.cols; ++col) {
        double sum = 0;
        for (int64_t k = 0; k < inner; ++k)
          sum += (product.transpose_a ? a.At(k, row) : a.At(row, k)) *
                 (product.transpose_b ? b.At(col, k) : b.At(k, col));
        part.At(row, col) = sum * static_cast<double>(product.scale);
      }
    }
  }
}

// By spreading inputs where the runtime gathers them, if transposed.
void IrInterpreter::Compute(const ir::Conv2d& conv, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &x = in.at(0), &weight = in.at(1);
  const int64_t in_channels = conv.in_channels, channels = in_channels / conv.groups,
                out_channels = weight.rows;
  const int64_t in_cols = x.cols / in_channels, out_cols = out.cols / out_channels;
  const auto tap_sum = [&](int64_t row, int64_t col, int64_t tap, int64_t n) {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t channel = n / (out_channels / conv.groups) * channels + c;
      sum += x.At(row, col * in_channels + channel) * weight.At(n, tap * channels + c);
    }
    return sum;
  };
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col)
      out.At(row, col) = in.size() > 2 ? in[2].At(0, col % out_channels) : 0.0;
  }
  const int64_t rows_from = conv.transposed ? x.rows : out.rows,
                cols_from = conv.transposed ? in_cols : out_cols;
  for (int64_t row = 0; row < rows_from; ++row) {
    for (int64_t col = 0; col < cols_from; ++col) {
      for (int64_t tap = 0; tap < int64_t{conv.kernel_rows} * conv.kernel_cols; ++tap) {
        const int64_t other_row = row * conv.stride_rows - conv.padding_rows + tap / conv.kernel_cols;
        const int64_t other_col = col * conv.stride_cols - conv.padding_cols + tap % conv.kernel_cols;
        const int64_t rows_to = conv.transposed ? out.rows : x.rows,
                      cols_to = conv.transposed ? out_cols : in_cols;
        if (other_row < 0 || other_row >= rows_to || other_col < 0 || other_col >= cols_to) continue;
        for (int64_t n = 0; n < out_channels; ++n) {
          if (conv.transposed) {
            out.At(other_row, other_col * out_channels + n) += tap_sum(row, col, tap, n);
          } else {
            out.At(row, col * out_channels + n) += tap_sum(other_row, other_col, tap, n);
          }
        }
      }
    }
  }
  if (conv.activation == fb::Activation::None) return;
  Compute(ir::Activate{static_cast<ir::Activation>(conv.activation)}, {out}, out);
}

void IrInterpreter::Compute(const ir::Rotary& rotary, const std::vector<Matrix>& in, const Matrix& out) {
  const int64_t width = out.cols / rotary.num_heads, pairs = in.at(1).cols;
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) out.At(row, col) = in.at(0).At(row, col);
    for (int64_t head = 0; head < int64_t{rotary.num_heads}; ++head) {
      for (int64_t pair = 0; pair < pairs; ++pair) {
        const int64_t first = head * width + (rotary.interleaved ? 2 * pair : pair);
        const int64_t second = first + (rotary.interleaved ? 1 : pairs);
        const double x = in[0].At(row, first), y = in[0].At(row, second);
        const double cosine = in[1].At(row, pair), sine = in.at(2).At(row, pair);
        out.At(row, first) = x * cosine - y * sine;
        out.At(row, second) = y * cosine + x * sine;
      }
    }
  }
}

void IrInterpreter::Compute(const ir::Lstm&, const std::vector<Matrix>& in, const Matrix& out) {
  const int64_t width = out.cols;
  const Matrix& state = in.at(2);
  for (int64_t row = 0; row < out.rows; ++row) {
    std::vector<double> sums;
    for (int64_t gate = 0; gate < 4 * width; ++gate) {
      double sum = in.at(0).At(row, gate);
      for (int64_t i = 0; i < width; ++i) sum += in.at(1).At(gate, i) * state.At(0, i);
      sums.push_back(sum);
    }
    const auto gate = [&](int64_t which, int64_t i) { return sums[static_cast<size_t>(which * width + i)]; };
    for (int64_t i = 0; i < width; ++i) {
      double& cell = state.At(0, width + i);
      cell = Sigmoid(gate(1, i)) * cell + Sigmoid(gate(0, i)) * std::tanh(gate(2, i));
      state.At(0, i) = out.At(row, i) = Sigmoid(gate(3, i)) * std::tanh(cell);
    }
  }
}

void IrInterpreter::Compute(const ir::RelativeShift& shift, const std::vector<Matrix>& in,
                            const Matrix& out) {
  const int64_t rows = out.rows / shift.groups;
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      const int64_t distance = row % rows - col;
      out.At(row, col) = in.at(0).At(row, distance > 0 ? 2 * distance - 1 : -2 * distance);
    }
  }
}

// From the weights of all pairs, without sums that are carried, except for what the state holds.
void IrInterpreter::Compute(const ir::LinearAttention& attention, const std::vector<Matrix>& in,
                            const Matrix& out) {
  const Matrix &q = in.at(0), &k = in.at(1), &v = in.at(2);
  const int64_t features = q.cols / attention.num_heads, values = v.cols / attention.num_heads;
  const double epsilon = static_cast<double>(attention.epsilon);
  for (int64_t head = 0; head < int64_t{attention.num_heads}; ++head) {
    for (int64_t row = 0; row < q.rows; ++row) {
      double divisor = 0, features_sum = 0;
      std::vector<double> sums(static_cast<size_t>(values), 0.0);
      const auto add = [&](double weight, const std::function<double(int64_t)>& value) {
        for (int64_t e = 0; e < values; ++e) sums[static_cast<size_t>(e)] += weight * value(e);
      };
      for (int64_t d = 0; d < features; ++d) {
        const double query = q.At(row, head * features + d);
        features_sum += query;
        if (in.size() < 4) continue;
        add(query, [&](int64_t e) { return in[3].At(head * features + d, e); });
        divisor += query * in[3].At(head * features + d, values);
      }
      const int64_t blindspot = attention.blindspot;
      const int64_t past = blindspot == 1 ? row + 1 : row / blindspot * blindspot;
      for (int64_t key = 0; key < (attention.causal ? past : k.rows); ++key) {
        double weight = 0;
        for (int64_t d = 0; d < features; ++d)
          weight += q.At(row, head * features + d) * k.At(key, head * features + d);
        add(weight, [&](int64_t e) { return v.At(key, head * values + e); });
        divisor += weight;
      }
      switch (attention.normalizer) {
        case ir::LinearNormalizer::AddEpsilon:
          divisor += epsilon;
          break;
        case ir::LinearNormalizer::KeyEpsilon:
          divisor += epsilon * features_sum;
          break;
        case ir::LinearNormalizer::Floor:
          divisor = std::max(divisor, epsilon);
          break;
        case ir::LinearNormalizer::NoNormalizer:
          divisor = 1;
      }
      for (int64_t e = 0; e < values; ++e)
        out.At(row, head * values + e) = sums[static_cast<size_t>(e)] / divisor;
    }
  }
  if (in.size() < 4) return;
  for (int64_t row = 0; row < k.rows; ++row) {
    for (int64_t d = 0; d < q.cols; ++d) {
      for (int64_t e = 0; e < values; ++e)
        in[3].At(d, e) += k.At(row, d) * v.At(row, d / features * values + e);
      in[3].At(d, values) += k.At(row, d);
    }
  }
}

void IrInterpreter::Compute(const ir::ScatterAdd&, const std::vector<Matrix>& in, const Matrix& out) {
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      double sum = col < in.at(0).cols ? in[0].At(row, col) : 0.0;
      for (int64_t i = 0; i < in.at(2).cols; ++i) {
        if (in[2].At(0, i) == static_cast<double>(col)) sum += in[1].At(row, i);
      }
      out.At(row, col) = sum;
    }
  }
}

void IrInterpreter::Compute(const ir::MixBlocks& mix, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix &weights = in.at(0), &x = in.at(1);
  const int64_t blocks = weights.cols / mix.groups;
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) {
      const int64_t group = col / (out.cols / mix.groups);
      double sum = 0;
      for (int64_t j = 0; j < blocks; ++j)
        sum += weights.At(row / mix.block, group * blocks + j) * x.At(j * mix.block + row % mix.block, col);
      out.At(row, col) = sum;
    }
  }
}

// By sorting, where the runtime searches again and again.
void IrInterpreter::Compute(const ir::RankedSoftmax& ranked, const std::vector<Matrix>& in,
                            const Matrix& out) {
  const Matrix& x = in.at(0);
  const int64_t width = x.cols / ranked.groups;
  for (int64_t row = 0; row < out.rows; ++row) {
    const int64_t from = row / ranked.count;
    for (int64_t begin = 0; begin < x.cols; begin += width) {
      std::vector<int64_t> order(static_cast<size_t>(width));
      std::iota(order.begin(), order.end(), begin);
      std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return x.At(from, a) > x.At(from, b); });
      const size_t rank = static_cast<size_t>(row % ranked.count);
      double sum = 0;
      for (size_t i = rank; i < order.size(); ++i)
        sum += std::exp(x.At(from, order[i]) - x.At(from, order[rank]));
      for (int64_t col = begin; col < begin + width; ++col)
        out.At(row, col) = col == order[rank] ? 1 / sum : 0;
    }
  }
}

}  // namespace earshot::test
