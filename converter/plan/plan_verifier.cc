// Plays the plan. Nothing here may come from the planner, not even how a size is computed.
#include "converter/plan/plan_verifier.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "converter/plan/byte_owners.h"

namespace earshot::plan {
namespace {

constexpr uint64_t kAlignmentBytes = 64;
constexpr uint64_t kTailBytes = 64;

uint64_t ElementBytes(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
      return 2;
    case DType::kI8:
      return 1;
    case DType::kI4:
      return 0;  // weights only
  }
  return 0;
}

template <class... Arguments>
Status Broken(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInternal, format, arguments...);
}

// A piece of a block with a name, for the checks that do not depend on time.
struct Extent {
  std::string name;
  ByteRange bytes;
};

Status CheckExtent(const Extent& extent, uint64_t block_bytes) {
  if (extent.bytes.begin % kAlignmentBytes != 0) return Broken("\"%s\" is not aligned", extent.name.c_str());
  if (extent.bytes.end + kTailBytes > block_bytes) {
    return Broken("\"%s\" leaves its block", extent.name.c_str());
  }
  return Status::Ok();
}

Status CheckDisjoint(std::vector<Extent> extents) {
  std::ranges::stable_sort(extents, {}, [](const Extent& extent) { return extent.bytes.begin; });
  for (size_t i = 1; i < extents.size(); ++i) {
    if (extents[i - 1].bytes.end > extents[i].bytes.begin) {
      return Broken("\"%s\" and \"%s\" overlap", extents[i - 1].name.c_str(), extents[i].name.c_str());
    }
  }
  return Status::Ok();
}

// A method at fixed symbol values.
class MethodPlayer {
 public:
  MethodPlayer(const ir::Method& method, std::vector<int64_t> symbols)
      : method_(method), symbols_(std::move(symbols)) {}

  Status Play() {
    for (int value = 0; value < static_cast<int>(method_.values.size()); ++value) {
      if (ValueAt(value).kind == ir::ValueKind::kInput) Write(value);
    }
    for (const ir::Op& op : method_.ops) {
      if (const Status status = PlayOp(op); !status.ok()) {
        return status.WithContext("op \"%s\"", op.name.c_str());
      }
    }
    for (int value = 0; value < static_cast<int>(method_.values.size()); ++value) {
      if (ValueAt(value).kind == ir::ValueKind::kOutput) EARSHOT_RETURN_IF_ERROR(CheckOwned(value));
    }
    return Status::Ok();
  }

  ByteRange WholeExtent(int value) const {
    const Placement placement = Place(value);
    return {placement.begin, placement.begin + Length(ValueAt(value).rows) * placement.stride_bytes};
  }

 private:
  // A matrix in its block: rows of `row_bytes`, each `stride_bytes` behind the one before.
  struct Placement {
    uint64_t begin = 0;
    uint64_t rows = 0;
    uint64_t row_bytes = 0;
    uint64_t stride_bytes = 0;

    bool operator==(const Placement&) const = default;
    bool is_empty() const { return rows == 0 || row_bytes == 0; }
    uint64_t end() const { return is_empty() ? begin : begin + (rows - 1) * stride_bytes + row_bytes; }
  };

  const ir::Value& ValueAt(int value) const { return method_.values[static_cast<size_t>(value)]; }
  const char* NameOf(int value) const { return value == kNobody ? "nobody" : ValueAt(value).name.c_str(); }
  int OwnerOf(int value) const {
    return ValueAt(value).kind == ir::ValueKind::kView ? ValueAt(value).base : value;
  }

  bool IsInActivations(int value) const { return ir::IsAmongActivations(ValueAt(OwnerOf(value))); }
  bool IsInIo(int value) const { return ir::IsInIo(ValueAt(OwnerOf(value))); }
  bool IsPlayed(int value) const { return IsInActivations(value) || IsInIo(value); }

  uint64_t Length(const ir::Dim& dim) const {
    const int64_t symbol = dim.symbol == ir::kNone ? 0 : symbols_[static_cast<size_t>(dim.symbol)];
    return static_cast<uint64_t>(std::max<int64_t>(0, (symbol * dim.multiplier + dim.addend) / dim.divisor));
  }

  Placement Place(int value) const {
    const ir::Value& v = ValueAt(value);
    const ir::Value& base = ValueAt(OwnerOf(value));
    Placement placement;
    placement.stride_bytes = Length(base.cols) * ElementBytes(base.dtype);
    placement.row_bytes = Length(v.cols) * ElementBytes(v.dtype);
    placement.rows = Length(v.rows);
    placement.begin = base.offset_bytes;
    if (v.kind != ir::ValueKind::kView) return placement;
    // Independent symbols at their maxima can push a view beyond its base; no run lets that happen.
    const uint64_t row_begin = std::min(Length(v.row_begin), Length(base.rows));
    placement.rows = std::min(placement.rows, Length(base.rows) - row_begin);
    placement.begin +=
        row_begin * placement.stride_bytes + static_cast<uint64_t>(v.col_begin) * ElementBytes(v.dtype);
    return placement;
  }

  static std::vector<ByteRange> Ranges(const Placement& placement) {
    if (placement.is_empty()) return {};
    if (placement.row_bytes == placement.stride_bytes) return {{placement.begin, placement.end()}};
    std::vector<ByteRange> ranges;
    for (uint64_t row = 0; row < placement.rows; ++row) {
      const uint64_t begin = placement.begin + row * placement.stride_bytes;
      ranges.push_back({begin, begin + placement.row_bytes});
    }
    return ranges;
  }

  static bool Overlap(const Placement& a, const Placement& b) {
    if (a.is_empty() || b.is_empty() || a.begin >= b.end() || b.begin >= a.end()) return false;
    const std::vector<ByteRange> a_ranges = Ranges(a), b_ranges = Ranges(b);
    for (size_t i = 0, j = 0; i < a_ranges.size() && j < b_ranges.size();) {
      if (a_ranges[i].end <= b_ranges[j].begin) {
        ++i;
      } else if (b_ranges[j].end <= a_ranges[i].begin) {
        ++j;
      } else {
        return true;
      }
    }
    return false;
  }

  ByteOwners& BlockOf(int value) { return IsInIo(value) ? io_ : activations_; }

  void Write(int value) {
    for (const ByteRange& range : Ranges(Place(value))) BlockOf(value).Write(range, OwnerOf(value));
  }

  Status CheckOwned(int value) {
    const int owner = OwnerOf(value);
    for (const ByteRange& range : Ranges(Place(value))) {
      const int found = BlockOf(value).FirstStranger(range, owner);
      if (found == kNobody) return Broken("\"%s\" is read before it was written", NameOf(value));
      if (found != owner) {
        return Broken("\"%s\" is read after \"%s\" has overwritten it", NameOf(value), NameOf(found));
      }
    }
    return Status::Ok();
  }

  // Whether the kernel reads each element of this operand for the last time before it writes the element of
  // the result there.
  static bool MayOverwrite(const ir::Op& op, size_t operand) {
    if (std::holds_alternative<ir::Add>(op.attributes)) return operand <= 1;
    return operand == 0 && (std::holds_alternative<ir::ScaleShift>(op.attributes) ||
                            std::holds_alternative<ir::Unary>(op.attributes) ||
                            std::holds_alternative<ir::Binary>(op.attributes) ||
                            std::holds_alternative<ir::Softmax>(op.attributes) ||
                            std::holds_alternative<ir::ReplaceRows>(op.attributes) ||
                            std::holds_alternative<ir::LayerNorm>(op.attributes) ||
                            std::holds_alternative<ir::Activate>(op.attributes) ||
                            std::holds_alternative<ir::Attention>(op.attributes));
  }

  Status CheckOverlap(const ir::Op& op, size_t operand, int output) const {
    const int input = op.inputs[operand];
    const bool same_block =
        (IsInIo(input) && IsInIo(output)) || (IsInActivations(input) && IsInActivations(output));
    if (!same_block) return Status::Ok();
    const Placement in = Place(input), out = Place(output);
    if (!Overlap(in, out) || (in == out && MayOverwrite(op, operand))) return Status::Ok();
    return Broken("\"%s\" is written over the operand \"%s\"", NameOf(output), NameOf(input));
  }

  Status PlayOp(const ir::Op& op) {
    for (const int input : op.inputs) {
      if (IsPlayed(input)) EARSHOT_RETURN_IF_ERROR(CheckOwned(input));
    }
    for (const int output : op.outputs) {
      for (size_t operand = 0; operand < op.inputs.size(); ++operand) {
        EARSHOT_RETURN_IF_ERROR(CheckOverlap(op, operand, output));
      }
      if (IsPlayed(output)) Write(output);
    }
    for (const int output : op.outputs) {  // several outputs must not hit each other
      if (IsPlayed(output)) EARSHOT_RETURN_IF_ERROR(CheckOwned(output));
    }
    return Status::Ok();
  }

  const ir::Method& method_;
  const std::vector<int64_t> symbols_;
  ByteOwners activations_;
  ByteOwners io_;
};

std::vector<int64_t> Maxima(const ir::Method& method) {
  std::vector<int64_t> symbols;
  for (const ir::Symbol& symbol : method.symbols) symbols.push_back(symbol.maximum);
  return symbols;
}

std::vector<int64_t> Minima(const ir::Method& method) {
  std::vector<int64_t> symbols;
  for (const ir::Symbol& symbol : method.symbols) symbols.push_back(symbol.minimum);
  return symbols;
}

Status VerifyStates(const ir::Graph& graph) {
  std::vector<Extent> extents;
  for (const ir::State& state : graph.states) {
    const uint64_t bytes =
        static_cast<uint64_t>(state.rows) * static_cast<uint64_t>(state.cols) * ElementBytes(state.dtype);
    extents.push_back({state.name, {state.offset_bytes, state.offset_bytes + bytes}});
    EARSHOT_RETURN_IF_ERROR(CheckExtent(extents.back(), graph.memory_plan.state_bytes));
  }
  return CheckDisjoint(std::move(extents));
}

Status VerifyExtents(const ir::Graph& graph) {
  std::vector<Extent> io_extents;
  for (const ir::Method& method : graph.methods) {
    const MethodPlayer at_maxima(method, Maxima(method));
    for (int i = 0; i < static_cast<int>(method.values.size()); ++i) {
      const ir::Value& value = method.values[static_cast<size_t>(i)];
      if (ir::IsAmongActivations(value)) {
        EARSHOT_RETURN_IF_ERROR(
            CheckExtent({value.name, at_maxima.WholeExtent(i)}, graph.memory_plan.activation_bytes));
      }
      if (!ir::IsInIo(value)) continue;
      io_extents.push_back({value.name, at_maxima.WholeExtent(i)});
      EARSHOT_RETURN_IF_ERROR(CheckExtent(io_extents.back(), graph.memory_plan.io_bytes));
    }
  }
  return CheckDisjoint(std::move(io_extents));
}

}  // namespace

Status VerifyPlan(const ir::Graph& graph) {
  EARSHOT_RETURN_IF_ERROR(VerifyStates(graph));
  EARSHOT_RETURN_IF_ERROR(VerifyExtents(graph));
  if (graph.memory_plan.activation_lower_bound_bytes > graph.memory_plan.activation_bytes) {
    return Broken("the plan claims to be smaller than its lower bound");
  }
  for (const ir::Method& method : graph.methods) {
    for (const auto& symbols : {Maxima(method), Minima(method)}) {
      const Status status = MethodPlayer(method, symbols).Play();
      if (!status.ok()) return status.WithContext("memory plan of method \"%s\"", method.name.c_str());
    }
  }
  return Status::Ok();
}

}  // namespace earshot::plan
