// Lstm: the recurrent half of a long short-term memory (Hochreiter and Schmidhuber 1997); what depends on the
// input alone is a Linear before it. The weight is turned when the session starts, so that a step adds up
// whole rows.
#include <algorithm>
#include <cmath>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

class LstmKernel final : public OpKernel {
 public:
  explicit LstmKernel(int64_t width) : width_(width) {}

  // Takes over `weight`, [width, 4 * width]: transposed, in the persistent arena.
  void SetWeight(const float* weight) { weight_ = weight; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& gates = operands.inputs[0];
    const MatrixView& state = operands.inputs[2];
    EARSHOT_RETURN_IF_ERROR(CheckShape("the gates", gates, gates.rows, 4 * width_));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the recurrent weight", operands.inputs[1], 4 * width_, width_));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the state", state, 1, 2 * width_));
    EARSHOT_RETURN_IF_ERROR(CheckShape("the updated state", operands.outputs[1], 1, 2 * width_));
    if (operands.outputs[1].data != state.data)
      return Status::Error(StatusCode::kInvalidModel,
                           "the state that it reads is not the one that it updates");
    return CheckShape("the output", operands.outputs[0], gates.rows, width_);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto gates = operands.inputs[0].As<const float>();
    float* hidden = operands.outputs[1].As<float>().data;
    float* cell = hidden + width_;
    const auto out = operands.outputs[0].As<float>();
    float* sums = ElementsAt<float>(context.workspace.data());
    for (int64_t row = 0; row < gates.rows; ++row) {
      std::copy_n(gates.Row(row), 4 * width_, sums);
      for (int64_t from = 0; from < width_; ++from) {
        const float factor = hidden[from];
        const float* weights = weight_ + from * 4 * width_;
        for (int64_t to = 0; to < 4 * width_; ++to) sums[to] += factor * weights[to];
      }
      for (int64_t i = 0; i < width_; ++i) {
        const float input = Sigmoid(sums[i]), forget = Sigmoid(sums[width_ + i]);
        cell[i] = forget * cell[i] + input * std::tanh(sums[2 * width_ + i]);
        hidden[i] = Sigmoid(sums[3 * width_ + i]) * std::tanh(cell[i]);
      }
      std::copy_n(hidden, width_, out.Row(row));
    }
    return Status::Ok();
  }

 private:
  int64_t width_;
  const float* weight_ = nullptr;
};

Result<int64_t> CheckSetup(const OpSetup& setup) {
  const OpOperands& operands = setup.operands;
  if (operands.num_inputs != 3 || operands.num_outputs != 2)
    return Status::Error(StatusCode::kInvalidModel, "it needs 3 inputs and 2 outputs");
  EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
  if (setup.constants[1].data.empty())
    return Status::Error(StatusCode::kInvalidModel, "its recurrent weight is no whole weight of the file");
  const int64_t width = operands.outputs[0].cols;
  EARSHOT_RETURN_IF_ERROR(LstmKernel(width).Check(operands));
  return width;
}

size_t WeightBytes(int64_t width) { return static_cast<size_t>(4 * width * width) * sizeof(float); }

Result<OpMemory> Measure(const OpSetup& setup) {
  EARSHOT_ASSIGN_OR_RETURN(const int64_t width, CheckSetup(setup));
  return OpMemory{AlignUp(sizeof(LstmKernel)) + AlignUp(WeightBytes(width)),
                  static_cast<size_t>(4 * width) * sizeof(float)};
}

Result<OpKernel*> Create(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_ASSIGN_OR_RETURN(const int64_t width, CheckSetup(setup));
  EARSHOT_ASSIGN_OR_RETURN(OpKernel * kernel, PlaceKernel<LstmKernel>(persistent, width));
  float* turned = static_cast<float*>(persistent.Allocate(WeightBytes(width)));
  if (turned == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  const auto weight = setup.operands.inputs[1].As<const float>();
  for (int64_t row = 0; row < weight.rows; ++row) {
    for (int64_t col = 0; col < weight.cols; ++col) turned[col * weight.rows + row] = weight.Row(row)[col];
  }
  static_cast<LstmKernel*>(kernel)->SetWeight(turned);
  return kernel;
}

}  // namespace

const OpDefinition kLstmOp = {fb::OpAttributes::Lstm, "Lstm", Measure, Create};

}  // namespace earshot
