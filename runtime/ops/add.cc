// Add: out = a + b, where b may be one row for all.
#include "runtime/kernels/kernels.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class AddKernel final : public OpKernel {
 public:
  Status Check(const OpOperands& operands) const override {
    const MatrixView& a = operands.inputs[0];
    const MatrixView& b = operands.inputs[1];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the second input", b, b.rows == 1 ? 1 : a.rows, a.cols));
    return CheckShape("the output", operands.outputs[0], a.rows, a.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto a = operands.inputs[0].As<const float>();
    const auto b = operands.inputs[1].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    ForRowBlocks(context.pool, a.rows, CacheBlockRows(a.cols), [&](int64_t begin, int64_t count) {
      kernels::Add(a.Rows(begin, count), b.rows == 1 ? b : b.Rows(begin, count), out.Rows(begin, count));
    });
    return Status::Ok();
  }
};

Status CheckSetup(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 2));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the first input", setup.operands.inputs[0], DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the second input", setup.operands.inputs[1], DType::kF32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
  return AddKernel().Check(setup.operands);
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckSetup(setup));
  return OpMemory{AlignUp(sizeof(AddKernel)), 0};
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_RETURN_IF_ERROR(CheckSetup(setup));
  return PlaceKernel<AddKernel>(persistent);
}

}  // namespace

const OpDefinition kAddOp = {fb::OpAttributes::Add, "Add", Measure, Create};

}  // namespace earshot
