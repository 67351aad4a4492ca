// Attention: multi-head scaled dot-product attention over the keys that a pattern selects. K and V may lie in
// a KV cache, as f16 or 8-bit integers too; those of windows in a ring that outlives the run. Computed in
// f32, or in 8 bits where the model allows it and the CPU gains by it.
#include "runtime/attention/attention.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "runtime/attention/attention_int8.h"
#include "runtime/ops/head_patterns.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// nullptr for Heads: those patterns are made with the op, in its arena.
Result<const AttentionPattern*> SharedPattern(fb::PatternKind kind) {
  static const FullPattern kFull;
  static const CausalPattern kCausal;
  switch (kind) {
    case fb::PatternKind::Full:
      return static_cast<const AttentionPattern*>(&kFull);
    case fb::PatternKind::Causal:
      return static_cast<const AttentionPattern*>(&kCausal);
    case fb::PatternKind::Heads:
      return static_cast<const AttentionPattern*>(nullptr);
  }
  return Status::Error(StatusCode::kUnsupported, "this build has no attention pattern %d",
                       static_cast<int>(kind));
}

Result<bool> MayRoundToInt8(fb::AttentionArithmetic arithmetic) {
  switch (arithmetic) {
    case fb::AttentionArithmetic::F32:
      return false;
    case fb::AttentionArithmetic::Int8:
      return true;
  }
  return Status::Error(StatusCode::kUnsupported, "this build has no attention arithmetic %d",
                       static_cast<int>(arithmetic));
}

class AttentionKernel final : public OpKernel {
 public:
  AttentionKernel(const AttentionParams& params, bool is_int8) : params_(params), is_int8_(is_int8) {}

  void SetPattern(const AttentionPattern* pattern) { params_.pattern = pattern; }

  // What the op has beside q, k, v and their scales.
  struct Beside {
    bool has_list = false;
    bool has_past = false;
    int64_t longest_window = 0;  // of the heads, where there is a past
  };
  void SetBeside(const Beside& beside) { beside_ = beside; }

  size_t WorkspaceBytes(size_t num_threads) const {
    return is_int8_ ? Int8AttentionWorkspaceBytes(params_.shape, num_threads)
                    : AttentionWorkspaceBytes(params_.shape, num_threads);
  }

  Status Check(const OpOperands& operands) const override {
    const AttentionShape& shape = params_.shape;
    const MatrixView& q = operands.inputs[0];
    const MatrixView& k = operands.inputs[1];
    EARSHOT_RETURN_IF_ERROR(CheckShape("q", q, q.rows, shape.num_heads * shape.head_dim));
    EARSHOT_RETURN_IF_ERROR(CheckShape("k", k, k.rows, shape.num_kv_heads * shape.head_dim));
    EARSHOT_RETURN_IF_ERROR(CheckShape("v", operands.inputs[2], k.rows, k.cols));
    for (size_t i = 3; i < NumKeyOperands(operands); ++i)
      EARSHOT_RETURN_IF_ERROR(CheckShape("the scales", operands.inputs[i], k.rows, shape.num_kv_heads));
    EARSHOT_RETURN_IF_ERROR(CheckPanels(operands));
    EARSHOT_RETURN_IF_ERROR(CheckSideBySide(operands));
    EARSHOT_RETURN_IF_ERROR(CheckBeside(operands));
    return CheckShape("the output", operands.outputs[0], q.rows, q.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    if (beside_.has_list) EARSHOT_RETURN_IF_ERROR(CheckList(operands));
    switch (operands.inputs[1].dtype) {
      case DType::kI8:
        Attend(params_, Int8Operands(operands), context.workspace, Workers(operands, context));
        break;
      case DType::kF16:
        Run<Float16>(operands, context);
        break;
      default:
        Run<float>(operands, context);
    }
    if (beside_.has_past) RememberKeys(operands);
    return Status::Ok();
  }

 private:
  // q, k, v, and the scales of 8-bit k and v; behind them the list, then the past.
  static size_t NumKeyOperands(const OpOperands& operands) {
    return operands.inputs[1].dtype == DType::kI8 ? 5 : 3;
  }
  const MatrixView& PastOperand(const OpOperands& operands) const {
    return operands.inputs[NumKeyOperands(operands) + (beside_.has_list ? 1 : 0)];
  }
  std::span<const int32_t> ListOperand(const OpOperands& operands) const {
    const auto list = operands.inputs[NumKeyOperands(operands)].As<const int32_t>();
    return {list.data, static_cast<size_t>(list.rows)};
  }

  // Panels are heads, and those of v lie as those of k do.
  Status CheckPanels(const OpOperands& operands) const {
    const auto fits = [&operands](size_t first, int64_t head_cols) {
      const MatrixView &a = operands.inputs[first], &b = operands.inputs[first + 1];
      return a.panel_stride == b.panel_stride &&
             (a.panel_stride == 0 || (a.stride == head_cols && b.stride == head_cols));
    };
    const bool none_elsewhere = operands.inputs[0].panel_stride == 0 && operands.outputs[0].panel_stride == 0;
    const bool has_scales = NumKeyOperands(operands) > 3;
    if (none_elsewhere && fits(1, params_.shape.head_dim) && (!has_scales || fits(3, 1))) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel,
                         "the panels of k, v or their scales are no heads, or differ");
  }

  Status CheckSideBySide(const OpOperands& operands) const {
    const int64_t sequences = operands.inputs[0].rows, keys = operands.inputs[1].rows;
    if (!params_.side_by_side || (sequences > 0 && keys % sequences == 0)) return Status::Ok();
    return Status::Error(StatusCode::kInvalidArgument, "%lld keys are no equal parts for %lld sequences",
                         static_cast<long long>(keys), static_cast<long long>(sequences));
  }

  Status CheckBeside(const OpOperands& operands) const {
    const MatrixView& k = operands.inputs[1];
    if (beside_.has_list) {
      const MatrixView& list = operands.inputs[NumKeyOperands(operands)];
      EARSHOT_RETURN_IF_ERROR(CheckShape("the list of keys", list, list.rows, 1));
      if (list.stride != 1)
        return Status::Error(StatusCode::kInvalidModel, "the list of keys is no matrix of its own");
    }
    if (!beside_.has_past) return Status::Ok();
    const MatrixView& past = PastOperand(operands);
    EARSHOT_RETURN_IF_ERROR(CheckShape("k, beside the past,", k, operands.inputs[0].rows, k.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the past", past, past.rows, 2 * k.cols));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the updated past", operands.outputs[1], past.rows, past.cols));
    if (operands.outputs[1].data != past.data || past.stride != past.cols)
      return Status::Error(StatusCode::kInvalidModel,
                           "it must update the very past that it reads, as a whole");
    if (past.rows - 1 >= std::max<int64_t>(1, beside_.longest_window)) return Status::Ok();
    return Status::Error(StatusCode::kInvalidModel, "a past of %lld rows is too short for a window of %lld",
                         static_cast<long long>(past.rows - 1),
                         static_cast<long long>(beside_.longest_window));
  }

  Status CheckList(const OpOperands& operands) const {
    int64_t last = -1;
    for (const int32_t key : ListOperand(operands)) {
      if (key <= last || key >= operands.inputs[1].rows) {
        return Status::Error(StatusCode::kInvalidArgument,
                             "key %d is listed: the list must ascend and stay below %lld, the number of keys",
                             key, static_cast<long long>(operands.inputs[1].rows));
      }
      last = key;
    }
    return Status::Ok();
  }

  // The last row of the state holds where the next key goes, and how many the ring holds.
  static PastKeys RingOf(const MatrixView& state) {
    const float* counts = state.As<const float>().Row(state.rows - 1);
    const int64_t capacity = state.rows - 1;
    const auto whole = [](float number, int64_t largest) {  // whatever the memory held
      return number >= 0.0f && number <= static_cast<float>(largest) ? static_cast<int64_t>(number) : 0;
    };
    return {.capacity = capacity, .next = whole(counts[0], capacity - 1), .held = whole(counts[1], capacity)};
  }

  // Moves the keys and values of this run, as many as the ring has rows, into it.
  void RememberKeys(const OpOperands& operands) const {
    const auto k = operands.inputs[1].As<const float>(), v = operands.inputs[2].As<const float>();
    const auto state = operands.outputs[1].As<float>();
    const PastKeys past = RingOf(operands.outputs[1]);
    const size_t row_bytes = static_cast<size_t>(k.cols) * sizeof(float);
    for (int64_t row = std::max<int64_t>(0, k.rows - past.capacity); row < k.rows; ++row) {
      float* to = state.Row((past.next + row) % past.capacity);
      std::memcpy(to, k.Row(row), row_bytes);
      std::memcpy(to + k.cols, v.Row(row), row_bytes);
    }
    float* counts = state.Row(past.capacity);
    counts[0] = static_cast<float>((past.next + k.rows) % past.capacity);
    counts[1] = static_cast<float>(std::min(past.capacity, past.held + k.rows));
  }

  template <class T>
  AttentionOperands<T> Views(const OpOperands& operands) const {
    AttentionOperands<T> views = {.q = operands.inputs[0].As<const float>(),
                                  .k = operands.inputs[1].As<const T>(),
                                  .v = operands.inputs[2].As<const T>(),
                                  .out = operands.outputs[0].As<float>()};
    views.head_stride = operands.inputs[1].panel_stride;
    if (beside_.has_list) views.listed = ListOperand(operands);
    if (beside_.has_past) {
      const MatrixView& state = PastOperand(operands);
      const Matrix<const T> ring = state.As<const T>().Rows(0, state.rows - 1);
      views.past = RingOf(state);
      views.past_k = ring.Columns(0, views.k.cols);
      views.past_v = ring.Columns(views.k.cols, views.k.cols);
    }
    return views;
  }

  AttentionOperands<int8_t> Int8Operands(const OpOperands& operands) const {
    AttentionOperands<int8_t> views = Views<int8_t>(operands);
    views.k_scales = operands.inputs[3].As<const float>();
    views.v_scales = operands.inputs[4].As<const float>();
    views.scale_head_stride = operands.inputs[3].panel_stride;
    return views;
  }

  // As if every query saw every key, of its sequence.
  ThreadPool Workers(const OpOperands& operands, const EvalContext& context) const {
    const MatrixView& q = operands.inputs[0];
    const int64_t queries = params_.side_by_side ? 1 : q.rows;
    return context.pool.For(2 * queries * operands.inputs[1].rows * q.cols);
  }

  template <class T>
  void Run(const OpOperands& operands, const EvalContext& context) const {
    const AttentionOperands<T> views = Views<T>(operands);
    const ThreadPool workers = Workers(operands, context);
    if (is_int8_) {
      AttendInt8(params_, views, context.workspace, workers);
    } else {
      Attend(params_, views, context.workspace, workers);
    }
  }

  AttentionParams params_;
  bool is_int8_;
  Beside beside_;
};

AttentionKernel::Beside BesideOf(const fb::Attention& attributes) {
  return {.has_list = HasSelection(attributes, fb::SelectionKind::Listed),
          .has_past = attributes.past(),
          .longest_window = attributes.past() ? LongestWindow(attributes) : 0};
}

// The list and the past behind `num_inputs` operands.
Status CheckTypesBeside(const OpSetup& setup, size_t num_inputs) {
  const AttentionKernel::Beside beside = BesideOf(*setup.op->attributes_as_Attention());
  const size_t num_beside = (beside.has_list ? size_t{1} : 0) + (beside.has_past ? size_t{1} : 0);
  EARSHOT_RETURN_IF_ERROR(
      CheckOperandCount(setup, num_inputs + num_beside, num_inputs + num_beside, beside.has_past ? 2 : 1));
  const auto& inputs = setup.operands.inputs;
  if (beside.has_list)
    EARSHOT_RETURN_IF_ERROR(CheckDType("the list of keys", inputs[num_inputs], DType::kI32));
  if (!beside.has_past) return Status::Ok();
  EARSHOT_RETURN_IF_ERROR(CheckDType("k, beside the past,", inputs[1], DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the updated past", setup.operands.outputs[1], DType::kF32));
  return CheckDType("the past", inputs[num_inputs + num_beside - 1], DType::kF32);
}

// K and V of one type: f32, f16, or 8-bit integers with scales.
Status CheckTypes(const OpSetup& setup) {
  const OpOperands& operands = setup.operands;
  const bool is_int8 = operands.num_inputs > 1 && operands.inputs[1].dtype == DType::kI8;
  EARSHOT_RETURN_IF_ERROR(CheckTypesBeside(setup, is_int8 ? 5 : 3));
  EARSHOT_RETURN_IF_ERROR(CheckDType("q", operands.inputs[0], DType::kF32));
  if (is_int8) {
    EARSHOT_RETURN_IF_ERROR(CheckDType("the scales of k", operands.inputs[3], DType::kF32));
    EARSHOT_RETURN_IF_ERROR(CheckDType("the scales of v", operands.inputs[4], DType::kF32));
  } else {
    EARSHOT_RETURN_IF_ERROR(CheckDType("k", operands.inputs[1], DType::kF32, DType::kF16));
  }
  EARSHOT_RETURN_IF_ERROR(CheckDType("v", operands.inputs[2], operands.inputs[1].dtype));
  return CheckDType("the output", operands.outputs[0], DType::kF32);
}

Result<AttentionKernel> Make(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckTypes(setup));
  const MatrixView& q = setup.operands.inputs[0];
  const MatrixView& k = setup.operands.inputs[1];
  const fb::Attention& attributes = *setup.op->attributes_as_Attention();
  const int64_t heads = attributes.num_heads(), kv_heads = attributes.num_kv_heads();
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || q.cols < heads || q.cols % heads != 0) {
    return Status::Error(StatusCode::kInvalidModel, "%lld heads and %lld key heads do not fit %lld columns",
                         static_cast<long long>(heads), static_cast<long long>(kv_heads),
                         static_cast<long long>(q.cols));
  }
  EARSHOT_ASSIGN_OR_RETURN(const AttentionPattern* pattern, SharedPattern(attributes.pattern()));
  EARSHOT_ASSIGN_OR_RETURN(const bool may_be_int8, MayRoundToInt8(attributes.arithmetic()));
  AttentionKernel kernel({.shape = {.num_heads = heads,
                                    .num_kv_heads = kv_heads,
                                    .head_dim = q.cols / heads,
                                    .max_queries = attributes.side_by_side() ? 1 : q.rows,
                                    .max_keys = k.rows,
                                    .min_pool_length = MinPoolLength(attributes)},
                          .scale = attributes.scale(),
                          .pattern = pattern,
                          .side_by_side = attributes.side_by_side()},
                         may_be_int8 && k.dtype != DType::kI8 && !attributes.past() &&
                             !attributes.side_by_side() && Int8AttentionIsFaster());
  kernel.SetBeside(BesideOf(attributes));
  EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
  return kernel;
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_ASSIGN_OR_RETURN(const AttentionKernel kernel, Make(setup));
  const size_t patterns_bytes = HeadPatternsBytes(*setup.op->attributes_as_Attention());
  return OpMemory{AlignUp(sizeof(AttentionKernel)) + patterns_bytes,
                  kernel.WorkspaceBytes(setup.num_threads)};
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_ASSIGN_OR_RETURN(AttentionKernel kernel, Make(setup));
  const fb::Attention& attributes = *setup.op->attributes_as_Attention();
  if (attributes.pattern() == fb::PatternKind::Heads) {
    EARSHOT_ASSIGN_OR_RETURN(const AttentionPattern* pattern, CreateHeadPatterns(attributes, persistent));
    kernel.SetPattern(pattern);
  }
  return PlaceKernel<AttentionKernel>(persistent, kernel);
}

}  // namespace

const OpDefinition kAttentionOp = {fb::OpAttributes::Attention, "Attention", Measure, Create};

}  // namespace earshot
