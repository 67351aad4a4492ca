// Lifetimes of activations, and which of them can share memory in place.
#include "converter/plan/liveness.h"

#include <algorithm>
#include <cstddef>

#include "converter/ir/dim.h"

namespace earshot::plan {
namespace {

const ir::Value& ValueAt(const ir::Method& method, int value) {
  return method.values[static_cast<size_t>(value)];
}

int BaseOf(const ir::Method& method, int value) {
  return ValueAt(method, value).kind == ir::ValueKind::kView ? ValueAt(method, value).base : value;
}

// How many leading operands the kernel may overwrite with its result.
size_t NumInPlaceOperands(const ir::Op& op) {
  if (std::holds_alternative<ir::Add>(op.attributes)) return 2;
  const bool one = std::holds_alternative<ir::ScaleShift>(op.attributes) ||
                   std::holds_alternative<ir::Unary>(op.attributes) ||
                   std::holds_alternative<ir::Binary>(op.attributes) ||
                   std::holds_alternative<ir::Softmax>(op.attributes) ||
                   std::holds_alternative<ir::ReplaceRows>(op.attributes) ||
                   std::holds_alternative<ir::LayerNorm>(op.attributes) ||
                   std::holds_alternative<ir::Activate>(op.attributes) ||
                   std::holds_alternative<ir::Attention>(op.attributes);
  return one ? 1 : 0;
}

bool SameMatrix(const ir::Value& a, const ir::Value& b) {
  return a.dtype == b.dtype && ir::SameLength(a.rows, b.rows) && ir::SameLength(a.cols, b.cols);
}

// The operand whose memory the result of op `index` may take over, or kNone.
int OperandToReplace(const ir::Method& method, const std::vector<Lifetime>& lifetimes, int index) {
  const ir::Op& op = method.ops[static_cast<size_t>(index)];
  const int result = op.outputs[0];
  const bool is_fresh = ir::IsAmongActivations(ValueAt(method, result)) &&
                        lifetimes[static_cast<size_t>(result)].begin == index;
  if (!is_fresh) return ir::kNone;
  for (size_t i = 0; i < std::min(NumInPlaceOperands(op), op.inputs.size()); ++i) {
    const int operand = op.inputs[i];
    const auto reads_it = [&](int input) { return BaseOf(method, input) == operand; };
    const bool dies_here = ir::IsAmongActivations(ValueAt(method, operand)) &&
                           lifetimes[static_cast<size_t>(operand)].end == index + 1 &&
                           std::ranges::count_if(op.inputs, reads_it) == 1;
    if (dies_here && SameMatrix(ValueAt(method, operand), ValueAt(method, result))) return operand;
  }
  return ir::kNone;
}

}  // namespace

std::vector<Lifetime> ActivationLifetimes(const ir::Method& method) {
  std::vector<Lifetime> lifetimes(method.values.size());
  const auto touch = [&](int value, int op) {
    const int base = BaseOf(method, value);
    if (!ir::IsAmongActivations(ValueAt(method, base))) return;
    Lifetime& lifetime = lifetimes[static_cast<size_t>(base)];
    if (lifetime.empty()) lifetime.begin = op;
    lifetime.end = op + 1;
  };
  for (int i = 0; i < static_cast<int>(method.ops.size()); ++i) {
    const ir::Op& op = method.ops[static_cast<size_t>(i)];
    for (const int input : op.inputs) touch(input, i);
    for (const int output : op.outputs) touch(output, i);
  }
  const int num_ops = static_cast<int>(method.ops.size());
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    const ir::Value& value = method.values[i];
    if (!value.is_transient) continue;
    if (value.kind == ir::ValueKind::kInput) lifetimes[i] = {0, std::max(1, lifetimes[i].end)};
    if (value.kind == ir::ValueKind::kOutput) lifetimes[i].end = num_ops + 1;
  }
  return lifetimes;
}

uint64_t LargestBytes(const ir::Method& method, const ir::Value& value) {
  const int64_t rows = ir::RangeOf(value.rows, method.symbols).largest;
  const int64_t cols = ir::RangeOf(value.cols, method.symbols).largest;
  return DTypeBytes(value.dtype, static_cast<uint64_t>(rows) * static_cast<uint64_t>(cols));
}

std::vector<Buffer> MakeBuffers(const ir::Method& method) {
  const std::vector<Lifetime> lifetimes = ActivationLifetimes(method);
  std::vector<Buffer> buffers;
  std::vector<int> buffer_of(method.values.size(), ir::kNone);
  const auto add = [&](int value) {
    buffer_of[static_cast<size_t>(value)] = static_cast<int>(buffers.size());
    buffers.push_back(
        {LargestBytes(method, ValueAt(method, value)), lifetimes[static_cast<size_t>(value)], {value}, 0});
  };
  for (int value = 0; value < static_cast<int>(method.values.size()); ++value) {
    if (ValueAt(method, value).is_transient && ValueAt(method, value).kind == ir::ValueKind::kInput)
      add(value);
  }
  for (int i = 0; i < static_cast<int>(method.ops.size()); ++i) {
    for (const int output : method.ops[static_cast<size_t>(i)].outputs) {
      const int result = BaseOf(method, output);
      if (!ir::IsAmongActivations(ValueAt(method, result)) ||
          buffer_of[static_cast<size_t>(result)] != ir::kNone)
        continue;
      const int replaced = OperandToReplace(method, lifetimes, i);
      if (replaced == ir::kNone || buffer_of[static_cast<size_t>(replaced)] == ir::kNone) {
        add(result);
        continue;
      }
      const int joined = buffer_of[static_cast<size_t>(replaced)];
      buffer_of[static_cast<size_t>(result)] = joined;
      buffers[static_cast<size_t>(joined)].values.push_back(result);
      buffers[static_cast<size_t>(joined)].lifetime.end = lifetimes[static_cast<size_t>(result)].end;
    }
  }
  return buffers;
}

uint64_t PeakLiveBytes(const std::vector<Buffer>& buffers) {
  int num_ops = 0;
  for (const Buffer& buffer : buffers) num_ops = std::max(num_ops, buffer.lifetime.end);
  std::vector<uint64_t> live_bytes(static_cast<size_t>(num_ops), 0);
  for (const Buffer& buffer : buffers) {
    for (int op = buffer.lifetime.begin; op < buffer.lifetime.end; ++op) {
      live_bytes[static_cast<size_t>(op)] += buffer.size_bytes;
    }
  }
  return live_bytes.empty() ? 0 : std::ranges::max(live_bytes);
}

}  // namespace earshot::plan
