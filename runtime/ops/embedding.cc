// Embedding: out[m] = table[ids[m]], dequantized, or parts of several such rows; the table stays in place in
// the model file, or is computed.
#include <algorithm>
#include <cstring>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/kernels.h"
#include "runtime/ops/op_registry.h"
#include "runtime/ops/weight_row.h"

namespace earshot {
namespace {

class EmbeddingKernel final : public OpKernel {
 public:
  explicit EmbeddingKernel(const OpSetup& setup)
      : weight_(setup.constants[1]), weights_file_(setup.weights_file) {}

  Status Check(const OpOperands& operands) const override {
    const MatrixView& ids = operands.inputs[0];
    if (ids.cols != 1) {
      EARSHOT_RETURN_IF_ERROR(CheckGroups("the table", operands.inputs[1], ids.cols));
      EARSHOT_RETURN_IF_ERROR(CheckDType("a table that is read in parts", operands.inputs[1], DType::kF32));
    }
    return CheckShape("the output", operands.outputs[0], ids.rows, operands.inputs[1].cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto ids = operands.inputs[0].As<const int32_t>();
    const MatrixView& table = operands.inputs[1];
    const auto out = operands.outputs[0].As<float>();
    for (int64_t m = 0; m < ids.rows; ++m) {
      for (int64_t part = 0; part < ids.cols; ++part) {
        const int64_t id = ids.Row(m)[part];
        if (id < 0 || id >= table.rows) {
          return Status::Error(StatusCode::kInvalidArgument,
                               "id %lld is not below %lld, the rows of the table", static_cast<long long>(id),
                               static_cast<long long>(table.rows));
        }
        if (ids.cols == 1) {
          EARSHOT_RETURN_IF_ERROR(CopyRow(table, id, out.Row(m), context.workspace));
        } else {
          const int64_t width = table.cols / ids.cols, begin = part * width;
          std::copy_n(table.As<const float>().Row(id) + begin, width, out.Row(m) + begin);
        }
      }
    }
    return Status::Ok();
  }

 private:
  Result<WeightRow> FindRow(const MatrixView& table, int64_t id, std::span<std::byte> workspace) const {
    if (!weight_.data.empty()) return ReadWeightRow(table, weight_, weights_file_, id, workspace.data());
    return WeightRow{.values = table.data + id * table.stride * int64_t{sizeof(float)}};  // computed: f32
  }

  Status CopyRow(const MatrixView& table, int64_t id, float* out, std::span<std::byte> workspace) const {
    const std::span<float> row(out, static_cast<size_t>(table.cols));
    EARSHOT_ASSIGN_OR_RETURN(const WeightRow stored, FindRow(table, id, workspace));
    switch (table.dtype) {
      case DType::kF32:
        std::memcpy(out, stored.values, row.size_bytes());
        break;
      case DType::kF16:
        kernels::ConvertToF32({ElementsAt<Float16>(stored.values), 1, table.cols, table.cols},
                              {out, 1, table.cols, table.cols});
        break;
      case DType::kI8:
        kernels::DequantizeI8(ElementsAt<int8_t>(stored.values), *ElementsAt<float>(stored.scales), row);
        break;
      case DType::kI4:
        kernels::DequantizeI4(ElementsAt<uint8_t>(stored.values), ElementsAt<uint16_t>(stored.scales), row);
        break;
      case DType::kI32:
        break;  // refused by CheckSetup
    }
    return Status::Ok();
  }

  ConstantOperand weight_;
  WeightsFile weights_file_;
};

Status CheckSetup(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 2));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the list of ids", setup.operands.inputs[0], DType::kI32));
  EARSHOT_RETURN_IF_ERROR(CheckDType("the output", setup.operands.outputs[0], DType::kF32));
  const MatrixView& table = setup.operands.inputs[1];
  const bool is_weight = !setup.constants[1].data.empty() && table.stride == table.cols;
  if (table.dtype == DType::kI32 || (!is_weight && table.dtype != DType::kF32)) {
    return Status::Error(StatusCode::kInvalidModel,
                         "its table is neither a whole weight nor a matrix of f32");
  }
  return EmbeddingKernel(setup).Check(setup.operands);
}

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_RETURN_IF_ERROR(CheckSetup(setup));
  return OpMemory{AlignUp(sizeof(EmbeddingKernel)), WeightRowBytes(setup.operands.inputs[1])};
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_RETURN_IF_ERROR(CheckSetup(setup));
  return PlaceKernel<EmbeddingKernel>(persistent, setup);
}

}  // namespace

const OpDefinition kEmbeddingOp = {fb::OpAttributes::Embedding, "Embedding", Measure, Create};

}  // namespace earshot
