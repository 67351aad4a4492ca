// Attention: multi-head scaled dot-product attention over the keys that a pattern selects. K and V may lie in
// a KV cache, as f16 or 8-bit integers too. Computed in f32, or in 8 bits where the model allows it and the
// CPU gains by it.
#include "runtime/attention/attention.h"

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
    for (size_t i = 3; i < operands.num_inputs; ++i)
      EARSHOT_RETURN_IF_ERROR(CheckShape("the scales", operands.inputs[i], k.rows, shape.num_kv_heads));
    return CheckShape("the output", operands.outputs[0], q.rows, q.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    switch (operands.inputs[1].dtype) {
      case DType::kI8:
        Attend(params_, Int8Operands(operands), context.workspace, context.pool);
        break;
      case DType::kF16:
        Run<Float16>(operands, context);
        break;
      default:
        Run<float>(operands, context);
    }
    return Status::Ok();
  }

 private:
  template <class T>
  static AttentionOperands<T> Views(const OpOperands& operands) {
    return {.q = operands.inputs[0].As<const float>(),
            .k = operands.inputs[1].As<const T>(),
            .v = operands.inputs[2].As<const T>(),
            .out = operands.outputs[0].As<float>()};
  }

  static AttentionOperands<int8_t> Int8Operands(const OpOperands& operands) {
    AttentionOperands<int8_t> views = Views<int8_t>(operands);
    views.k_scales = operands.inputs[3].As<const float>();
    views.v_scales = operands.inputs[4].As<const float>();
    return views;
  }

  template <class T>
  void Run(const OpOperands& operands, const EvalContext& context) const {
    const AttentionOperands<T> views = Views<T>(operands);
    if (is_int8_) {
      AttendInt8(params_, views, context.workspace, context.pool);
    } else {
      Attend(params_, views, context.workspace, context.pool);
    }
  }

  AttentionParams params_;
  bool is_int8_;
};

// K and V of one type: f32, f16, or 8-bit integers with scales.
Status CheckTypes(const OpSetup& setup) {
  const OpOperands& operands = setup.operands;
  const bool is_int8 = operands.inputs[1].dtype == DType::kI8;
  const size_t num_inputs = is_int8 ? 5 : 3;
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, num_inputs, num_inputs));
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
                                    .max_queries = q.rows,
                                    .max_keys = k.rows,
                                    .min_pool_length = MinPoolLength(attributes)},
                          .scale = attributes.scale(),
                          .pattern = pattern},
                         may_be_int8 && k.dtype != DType::kI8 && Int8AttentionIsFaster());
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
