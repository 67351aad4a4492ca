// Shape and type checks shared by the ops.
#include "runtime/ops/op.h"

namespace earshot {

Status CheckOperandCount(const OpSetup& setup, size_t min_inputs, size_t max_inputs, size_t num_outputs) {
  const OpOperands& operands = setup.operands;
  if (operands.num_outputs == num_outputs && operands.num_inputs >= min_inputs &&
      operands.num_inputs <= max_inputs)
    return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "it has %zu inputs and %zu outputs instead of %zu to %zu inputs and %zu outputs",
                       operands.num_inputs, operands.num_outputs, min_inputs, max_inputs, num_outputs);
}

Status CheckShape(const char* what, const MatrixView& view, int64_t rows, int64_t cols) {
  if (view.rows == rows && view.cols == cols) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "%s is [%lld, %lld] where [%lld, %lld] is needed", what,
                       static_cast<long long>(view.rows), static_cast<long long>(view.cols),
                       static_cast<long long>(rows), static_cast<long long>(cols));
}

Status CheckDType(const char* what, const MatrixView& view, DType allowed) {
  return CheckDType(what, view, allowed, allowed);
}

Status CheckDType(const char* what, const MatrixView& view, DType allowed, DType also_allowed) {
  if (view.dtype == allowed || view.dtype == also_allowed) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "%s is %s, which this op cannot take", what,
                       DTypeName(view.dtype));
}

Status CheckAllF32(const OpSetup& setup) {
  const OpOperands& operands = setup.operands;
  for (size_t i = 0; i < operands.num_inputs; ++i)
    EARSHOT_RETURN_IF_ERROR(CheckDType("an input", operands.inputs[i], DType::kF32));
  for (size_t i = 0; i < operands.num_outputs; ++i)
    EARSHOT_RETURN_IF_ERROR(CheckDType("an output", operands.outputs[i], DType::kF32));
  return Status::Ok();
}

Status CheckGroups(const char* what, const MatrixView& view, int64_t groups) {
  if (groups >= 1 && view.cols % groups == 0) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "%s has %lld columns, which do not make %lld equal parts",
                       what, static_cast<long long>(view.cols), static_cast<long long>(groups));
}

}  // namespace earshot
