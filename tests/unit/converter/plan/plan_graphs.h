// Small graphs for the tests of the memory plan.
#ifndef EARSHOT_TESTS_UNIT_CONVERTER_PLAN_PLAN_GRAPHS_H_
#define EARSHOT_TESTS_UNIT_CONVERTER_PLAN_PLAN_GRAPHS_H_

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "runtime/core/status.h"

namespace earshot::plan {

// A method over one symbol "steps", at most 16: matrices are [steps, cols]. Weights hold zeros; only sizes
// matter here.
class PlanGraph {
 public:
  explicit PlanGraph(ir::Graph& graph, std::string name = "run")
      : graph_(graph), method_(graph, std::move(name)) {
    steps_ = method_.AddSymbol("steps", kMaxSteps);
  }

  static constexpr int64_t kMaxSteps = 16;

  ir::MethodBuilder& method() { return method_; }
  ir::Dim steps() const { return ir::Dim::Of(steps_); }

  int Input(const std::string& name, int64_t cols) {
    return method_.AddInput({.name = name, .rows = steps(), .cols = ir::Dim::Fixed(cols)});
  }
  int Linear(const std::string& name, int in, int64_t cols) {
    return method_.Apply(name, ir::Linear{},
                         {in, method_.Constant(Weight(name, cols, method_.cols(in).addend))});
  }
  int Add(const std::string& name, int a, int b) { return method_.Apply(name, ir::Add{}, {a, b}); }
  int Norm(const std::string& name, int in) {
    return method_.Apply(name, ir::LayerNorm{},
                         {in, method_.Constant(Weight(name, 1, method_.cols(in).addend))});
  }
  int Relu(const std::string& name, int in) {
    return method_.Apply(name, ir::Activate{.activation = ir::Activation::kRelu}, {in});
  }
  int Attend(const std::string& name, int q, int k, int v) {
    return method_.Apply(name, ir::Attention{}, {q, k, v});
  }
  int Columns(const std::string& name, int base, int64_t begin, int64_t cols) {
    return method_.View(base, name, {.rows = steps(), .col_begin = begin, .cols = cols});
  }
  // Ends the method: `value` leaves through a dense layer of `cols`.
  Status Finish(int value, int64_t cols = 4) {
    const int out = method_.AddOutput({.name = "out", .rows = steps(), .cols = ir::Dim::Fixed(cols)});
    method_.ApplyInto("out", ir::Linear{},
                      {value, method_.Constant(Weight("out", cols, method_.cols(value).addend))}, out);
    return std::move(method_).Finish();
  }

 private:
  int Weight(const std::string& name, int64_t rows, int64_t cols) {
    return ir::AddTensor(graph_, name + ".weight", rows, cols,
                         std::vector<float>(static_cast<size_t>(rows * cols)));
  }

  ir::Graph& graph_;
  ir::MethodBuilder method_;
  int steps_ = 0;
};

// The value of that name in the first method.
inline ir::Value& Find(ir::Graph& graph, const std::string& name) {
  for (ir::Value& value : graph.methods[0].values) {
    if (value.name == name && value.kind != ir::ValueKind::kConstant) return value;
  }
  std::abort();
}

// A random method: every op reads one or two of the values made so far, some of them long ago, some as column
// views.
inline Status AddRandomMethod(ir::Graph& graph, uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](size_t count) { return static_cast<size_t>(random() % count); };
  PlanGraph method(graph, std::to_string(graph.methods.size()));
  // All matrices are 4, 8 or 12 wide, so that most ops find a partner.
  std::vector<int> values = {method.Input("in", 8)};
  for (int i = 0; i < 40; ++i) {
    const std::string name = std::to_string(i);
    const int a = values[pick(values.size())];
    const int64_t cols = method.method().cols(a).addend;
    switch (pick(5)) {
      case 0:
        values.push_back(method.Linear(name, a, 4 * static_cast<int64_t>(1 + pick(3))));
        break;
      case 1:
        values.push_back(method.Norm(name, a));
        break;
      case 2:
        values.push_back(method.Relu(name, a));
        break;
      case 3: {
        const int b = values[pick(values.size())];
        if (method.method().cols(b) == method.method().cols(a)) values.push_back(method.Add(name, a, b));
        break;
      }
      case 4: {
        const int wide = method.Linear(name, a, 3 * cols);
        const int q = method.Columns(name + ".q", wide, 0, cols);
        const int k = method.Columns(name + ".k", wide, cols, cols);
        const int v = method.Columns(name + ".v", wide, 2 * cols, cols);
        values.push_back(method.Attend(name + ".attend", q, k, v));
        break;
      }
    }
    if (values.size() > 6) values.erase(values.begin() + static_cast<int64_t>(pick(values.size() - 1)));
  }
  return method.Finish(values.back());
}

}  // namespace earshot::plan

#endif  // EARSHOT_TESTS_UNIT_CONVERTER_PLAN_PLAN_GRAPHS_H_
