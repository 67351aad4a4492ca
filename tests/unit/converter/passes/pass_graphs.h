// Small graphs with random weights for the tests of the passes, and their numbers.
#ifndef EARSHOT_TESTS_UNIT_CONVERTER_PASSES_PASS_GRAPHS_H_
#define EARSHOT_TESTS_UNIT_CONVERTER_PASSES_PASS_GRAPHS_H_

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "converter/ir/verifier.h"
#include "tests/support/ir_interpreter.h"

namespace earshot::passes {

// A method over one symbol "steps" of at most 6, with an input "x" [steps, 8] and an output "y".
class PassGraph {
 public:
  static constexpr int64_t kWidth = 8;

  explicit PassGraph(ir::Graph& graph, std::string name = "run")
      : graph_(graph), method_(graph, std::move(name)) {
    steps_ = method_.AddSymbol("steps", 6);
    x_ = method_.AddInput({.name = "x", .rows = rows(), .cols = ir::Dim::Fixed(kWidth)});
  }

  ir::MethodBuilder& method() { return method_; }
  ir::Dim rows() const { return ir::Dim::Of(steps_); }
  int x() const { return x_; }

  int Weight(const std::string& name, int64_t rows, int64_t cols) {
    std::vector<float> values(static_cast<size_t>(rows * cols));
    for (float& value : values) value = normal_(random_);
    return method_.Constant(ir::AddTensor(graph_, name, rows, cols, std::move(values)));
  }

  enum class Bias { kNone, kPresent };
  std::vector<int> DenseInputs(const std::string& name, int in, int64_t cols, Bias bias) {
    std::vector<int> inputs = {in, Weight(name + ".weight", cols, method_.cols(in).addend)};
    if (bias == Bias::kPresent) inputs.push_back(Weight(name + ".bias", 1, cols));
    return inputs;
  }
  int Linear(const std::string& name, int in, int64_t cols = kWidth, Bias bias = Bias::kPresent) {
    return method_.Apply(name, ir::Linear{}, DenseInputs(name, in, cols, bias));
  }
  void LinearInto(const std::string& name, int in, int out, Bias bias = Bias::kPresent) {
    method_.ApplyInto(name, ir::Linear{}, DenseInputs(name, in, method_.cols(out).addend, bias), out);
  }
  int Relu(const std::string& name, int in) {
    return method_.Apply(name, ir::Activate{.activation = ir::Activation::kRelu}, {in});
  }
  int Columns(const std::string& name, int base, int64_t begin, int64_t cols) {
    return method_.View(base, name, {.rows = rows(), .col_begin = begin, .cols = cols});
  }

  // Copies `value` to the output "y" and ends the method.
  void Finish(int value) {
    const int y = method_.AddOutput({.name = "y", .rows = method_.rows(value), .cols = method_.cols(value)});
    method_.ApplyInto("y", ir::Activate{}, {value}, y);
    const Status status = std::move(method_).Finish();
    INFO(status.message());
    REQUIRE(status.ok());
  }

 private:
  ir::Graph& graph_;
  ir::MethodBuilder method_;
  int steps_ = 0;
  int x_ = 0;
  std::mt19937 random_{5};
  std::normal_distribution<float> normal_;
};

// "y" of the first method for five steps of a fixed input.
inline std::vector<double> OutputOf(const ir::Graph& graph) {
  constexpr int64_t kSteps = 5;
  test::IrInterpreter interpreter(graph);
  std::vector<double> x;
  for (int i = 0; i < kSteps * PassGraph::kWidth; ++i) x.push_back(std::sin(0.7 * i));
  interpreter.SetInput("x", x);
  interpreter.Run(graph.methods[0].name, {{"steps", kSteps}});
  return interpreter.Read("y");
}

// The graph is still whole, and its output is `expected` but for rounding of weights to f32: each of a few
// ops passes on errors of 2^-24 of numbers that are at most about 100 here.
inline void CheckSameOutput(const ir::Graph& graph, const std::vector<double>& expected) {
  const Status status = ir::Verify(graph);
  INFO(status.message());
  REQUIRE(status.ok());
  const std::vector<double> output = OutputOf(graph);
  REQUIRE(output.size() == expected.size());
  for (size_t i = 0; i < output.size(); ++i) CHECK(std::abs(output[i] - expected[i]) <= 1e-4);
}

inline std::vector<std::string> OpNames(const ir::Method& method) {
  std::vector<std::string> names;
  for (const ir::Op& op : method.ops) names.push_back(op.name);
  return names;
}

inline const ir::Op& FindOp(const ir::Method& method, const std::string& name) {
  const auto op = std::ranges::find(method.ops, name, &ir::Op::name);
  REQUIRE(op != method.ops.end());
  return *op;
}

inline const ir::Tensor& OperandOf(const ir::Graph& graph, const ir::Method& method, const ir::Op& op,
                                   size_t operand) {
  REQUIRE(operand < op.inputs.size());
  const ir::Value& value = method.values[static_cast<size_t>(op.inputs[operand])];
  REQUIRE(value.kind == ir::ValueKind::kConstant);
  return graph.tensors[static_cast<size_t>(value.tensor)];
}

}  // namespace earshot::passes

#endif  // EARSHOT_TESTS_UNIT_CONVERTER_PASSES_PASS_GRAPHS_H_
