// Fuse linear siblings ("fuse QKV"): Linears that read the same matrix and whose results can lie side by side
// become one, with the weights stacked: the input is quantized and read once, and one large product beats
// several small ones.
//
// Two kinds, never mixed:
// - results that are activations: one wide activation, the old results become column views of it;
// - results that are neighbouring column views of the same rows of one value (K and V of a cache): one wider
// view.
//
// The fused op runs where the first of them ran. So nothing between the first and the last may write their
// input or touch their results. Weights must be used by nothing else; a missing bias becomes zeros if another
// one of the group has a bias.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "converter/ir/dim.h"
#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

// Op indices, in the order their results lie side by side.
using Group = std::vector<int>;

class SiblingFuser {
 public:
  SiblingFuser(ir::Graph& graph, ir::Method& method)
      : graph_(graph),
        method_(method),
        value_uses_(CountValueUses(method)),
        tensor_uses_(CountTensorUses(graph)) {}

  void Run() {
    const std::vector<Group> activation_groups = FindActivationGroups();
    const std::vector<Group> view_groups = FindViewGroups();
    removed_.assign(method_.ops.size(), false);
    for (const Group& group : activation_groups) Fuse(group, MakeWideActivation(group));
    for (const Group& group : view_groups) Fuse(group, MakeWideView(group));
    RemoveOps(method_, removed_);
  }

 private:
  ir::Op& OpAt(int op) { return method_.ops[static_cast<size_t>(op)]; }
  const ir::Op& OpAt(int op) const { return method_.ops[static_cast<size_t>(op)]; }
  const ir::Value& ValueAt(int value) const { return method_.values[static_cast<size_t>(value)]; }
  const ir::Value& Result(int op) const { return ValueAt(OpAt(op).outputs[0]); }
  // Columns of a candidate's result, a plain number.
  int64_t Columns(int op) const { return ir::Simplify(Result(op).cols).addend; }

  // A plain Linear with weights of its own and a fixed number of columns.
  bool IsCandidate(int op) const {
    const auto* linear = std::get_if<ir::Linear>(&OpAt(op).attributes);
    if (linear == nullptr || linear->activation != ir::Activation::kNone || linear->is_ranked) return false;
    if (ir::Simplify(Result(op).cols).symbol != ir::kNone) return false;
    for (size_t operand = 1; operand < OpAt(op).inputs.size(); ++operand) {
      const int tensor = OperandTensor(method_, OpAt(op), operand);
      if (tensor == ir::kNone || tensor_uses_[static_cast<size_t>(tensor)] != 1) return false;
    }
    return true;
  }

  // An activation that can turn into columns of a wider one.
  bool CanBecomeColumns(int op) const {
    const int result = OpAt(op).outputs[0];
    return ValueAt(result).kind == ir::ValueKind::kActivation &&
           value_uses_[static_cast<size_t>(result)].num_writers == 1;
  }

  std::vector<Group> FindActivationGroups() const {
    return FindGroups([this](int op) { return CanBecomeColumns(op); },
                      [this](int a, int b) {
                        return ir::SameLength(Result(a).rows, Result(b).rows) &&
                               Result(a).dtype == Result(b).dtype;
                      });
  }

  std::vector<Group> FindViewGroups() const {
    const std::vector<Group> same_rows = FindGroups(
        [this](int op) { return Result(op).kind == ir::ValueKind::kView; },
        [this](int a, int b) {
          return Result(a).base == Result(b).base && ir::SameLength(Result(a).rows, Result(b).rows) &&
                 ir::SameLength(Result(a).row_begin, Result(b).row_begin);
        });
    std::vector<Group> groups;
    for (Group group : same_rows) {
      std::ranges::stable_sort(group, {}, [this](int op) { return Result(op).col_begin; });
      AppendAdjacent(group, groups);
    }
    return groups;
  }

  // Cuts ops sorted by column into runs without a gap.
  void AppendAdjacent(const Group& sorted, std::vector<Group>& groups) const {
    Group run;
    for (const int op : sorted) {
      const bool adjacent =
          !run.empty() && Result(run.back()).col_begin + Columns(run.back()) == Result(op).col_begin;
      if (!adjacent && run.size() > 1) groups.push_back(run);
      if (!adjacent) run.clear();
      run.push_back(op);
    }
    if (run.size() > 1) groups.push_back(run);
  }

  // Groups of at least two candidates that read the same value, of which `accepts` is true for each and
  // `match` for all with the first, and which may run where the first one runs.
  template <class Accepts, class Match>
  std::vector<Group> FindGroups(const Accepts& accepts, const Match& match) const {
    std::vector<Group> groups;
    for (int op = 0; op < static_cast<int>(method_.ops.size()); ++op) {
      if (!IsCandidate(op) || !accepts(op)) continue;
      const auto group = std::ranges::find_if(groups, [&](const Group& g) {
        return OpAt(g.front()).inputs[0] == OpAt(op).inputs[0] && match(g.front(), op) && CanMoveTo(g, op);
      });
      if (group != groups.end()) {
        group->push_back(op);
      } else {
        groups.push_back({op});
      }
    }
    std::erase_if(groups, [](const Group& group) { return group.size() < 2; });
    return groups;
  }

  // Whether `op` may run at the place of the first of the group: what lies between leaves its input and its
  // result alone.
  bool CanMoveTo(const Group& group, int op) const {
    const OpRange between{group.front(), op};
    const int input = BaseOf(method_, OpAt(op).inputs[0]);
    for (int i = between.begin; i < between.end; ++i) {
      for (const int output : OpAt(i).outputs) {
        if (BaseOf(method_, output) == input) return false;
      }
    }
    return !IsTouched(method_, between, BaseOf(method_, OpAt(op).outputs[0]), group);
  }

  std::vector<std::string> ResultNames(const Group& group) const {
    std::vector<std::string> names;
    for (const int op : group) names.push_back(Result(op).name);
    return names;
  }

  int64_t TotalColumns(const Group& group) const {
    return std::accumulate(group.begin(), group.end(), int64_t{0},
                           [this](int64_t sum, int op) { return sum + Columns(op); });
  }

  int AddValue(ir::Value value) {
    method_.values.push_back(std::move(value));
    return static_cast<int>(method_.values.size()) - 1;
  }

  int MakeWideActivation(const Group& group) {
    ir::Value wide = Result(group.front());
    wide.name = JoinNames(ResultNames(group));
    wide.cols = ir::Dim::Fixed(TotalColumns(group));
    const int wide_index = AddValue(std::move(wide));
    int64_t col_begin = 0;
    for (const int op : group) {
      const int part = OpAt(op).outputs[0];
      col_begin += TurnIntoColumns(part, wide_index, col_begin);
    }
    return wide_index;
  }

  // Makes `part`, and what was a view of it, views of `wide`. Returns the columns of `part`.
  int64_t TurnIntoColumns(int part, int wide, int64_t col_begin) {
    for (ir::Value& value : method_.values) {
      if (value.kind != ir::ValueKind::kView || value.base != part) continue;
      value.base = wide;
      value.col_begin += col_begin;
    }
    ir::Value& value = method_.values[static_cast<size_t>(part)];
    value.kind = ir::ValueKind::kView;
    value.base = wide;
    value.row_begin = ir::Dim::Fixed(0);
    value.col_begin = col_begin;
    return ir::Simplify(value.cols).addend;
  }

  int MakeWideView(const Group& group) {
    ir::Value wide = Result(group.front());
    wide.name = JoinNames(ResultNames(group));
    wide.cols = ir::Dim::Fixed(TotalColumns(group));
    return AddValue(std::move(wide));
  }

  // Replaces the ops of the group by one that writes `result`.
  void Fuse(const Group& group, int result) {
    ir::Op fused;
    fused.attributes = ir::Linear{};
    std::vector<std::string> names;
    for (const int op : group) names.push_back(OpAt(op).name);
    fused.name = JoinNames(names);
    fused.inputs = {OpAt(group.front()).inputs[0], StackWeights(group)};
    if (std::ranges::any_of(group, [this](int op) { return OpAt(op).inputs.size() > 2; })) {
      fused.inputs.push_back(ConcatenateBiases(group));
    }
    fused.outputs = {result};
    for (const int op : group) removed_[static_cast<size_t>(op)] = true;
    const int first = *std::ranges::min_element(group);
    removed_[static_cast<size_t>(first)] = false;
    OpAt(first) = std::move(fused);
  }

  int StackWeights(const Group& group) {
    ir::Tensor stacked;
    std::vector<std::string> names;
    for (const int op : group) {
      const ir::Tensor& weight = graph_.tensors[static_cast<size_t>(OperandTensor(method_, OpAt(op), 1))];
      names.push_back(weight.name);
      stacked.rows += weight.rows;
      stacked.cols = weight.cols;
      stacked.values.insert(stacked.values.end(), weight.values.begin(), weight.values.end());
    }
    stacked.name = JoinNames(names);
    return AddConstant(std::move(stacked));
  }

  int ConcatenateBiases(const Group& group) {
    ir::Tensor joined;
    joined.rows = 1;
    std::vector<std::string> names;
    for (const int op : group) {
      const size_t width = static_cast<size_t>(Columns(op));
      const int bias = OperandTensor(method_, OpAt(op), 2);
      if (bias == ir::kNone) {
        joined.values.insert(joined.values.end(), width, 0.0f);
      } else {
        const ir::Tensor& part = graph_.tensors[static_cast<size_t>(bias)];
        names.push_back(part.name);
        joined.values.insert(joined.values.end(), part.values.begin(), part.values.end());
      }
    }
    joined.cols = static_cast<int64_t>(joined.values.size());
    joined.name = JoinNames(names);
    return AddConstant(std::move(joined));
  }

  int AddConstant(ir::Tensor tensor) {
    ir::Value value;
    value.name = tensor.name;
    value.kind = ir::ValueKind::kConstant;
    value.rows = ir::Dim::Fixed(tensor.rows);
    value.cols = ir::Dim::Fixed(tensor.cols);
    value.tensor = static_cast<int>(graph_.tensors.size());
    graph_.tensors.push_back(std::move(tensor));
    return AddValue(std::move(value));
  }

  ir::Graph& graph_;
  ir::Method& method_;
  const std::vector<ValueUses> value_uses_;
  const std::vector<int> tensor_uses_;
  std::vector<bool> removed_;
};

}  // namespace

Status FuseLinearSiblings(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) SiblingFuser(graph, method).Run();
  return Status::Ok();
}

}  // namespace earshot::passes
