// Normalize: rows, columns or whole matrices brought to zero mean and unit variance, unit mean square, or
// unit length. Plain loops with sums in double: what normalizes along time (group and instance norms of front
// ends) sees thousands of rows, where sums in f32 would cost digits. Layer norms with weights are LayerNorm.
#include <algorithm>
#include <cmath>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// The elements that one set of statistics is taken over: `rows` times `cols`, `stride` apart.
struct Block {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  template <class Body>
  void ForEach(const Body& body) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col) body(static_cast<double>(data[row * stride + col]));
    }
  }
};

struct Standard {
  float mean = 0.0f;
  float factor = 1.0f;
};

Standard StandardOf(const Block& block, fb::NormalizeKind kind, double epsilon) {
  const double count = static_cast<double>(std::max<int64_t>(block.rows * block.cols, 1));
  double mean = 0.0, squares = 0.0;
  if (kind == fb::NormalizeKind::Standard) {
    block.ForEach([&](double x) { mean += x; });
    mean /= count;
  }
  block.ForEach([&](double x) { squares += (x - mean) * (x - mean); });
  const double size = kind == fb::NormalizeKind::Length ? std::max(std::sqrt(squares), epsilon)
                                                        : std::sqrt(squares / count + epsilon);
  return {static_cast<float>(mean), static_cast<float>(1.0 / size)};
}

class NormalizeKernel final : public OpKernel {
 public:
  static Result<NormalizeKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 3));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::Normalize& attributes = *setup.op->attributes_as_Normalize();
    NormalizeKernel kernel;
    kernel.kind_ = attributes.kind();
    kernel.axis_ = attributes.axis();
    kernel.groups_ = attributes.groups();
    kernel.epsilon_ = static_cast<double>(attributes.epsilon());
    if (kernel.kind_ > fb::NormalizeKind::MAX || kernel.axis_ > fb::Axis::MAX ||
        !(kernel.epsilon_ >= 0.0 && kernel.epsilon_ < 1.0)) {
      return Status::Error(StatusCode::kInvalidModel, "its kind, axis or epsilon is out of range");
    }
    if (kernel.axis_ != fb::Axis::Row && kernel.groups_ != 1)
      return Status::Error(StatusCode::kInvalidModel, "only rows can be normalized in groups");
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, groups_));
    if (operands.num_inputs > 1) EARSHOT_RETURN_IF_ERROR(CheckShape("gamma", operands.inputs[1], 1, in.cols));
    if (operands.num_inputs > 2) EARSHOT_RETURN_IF_ERROR(CheckShape("beta", operands.inputs[2], 1, in.cols));
    return CheckShape("the output", operands.outputs[0], in.rows, in.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const int64_t width = in.cols / groups_;
    switch (axis_) {
      case fb::Axis::Row:
        ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
          for (int64_t row = begin; row < begin + count; ++row) {
            for (int64_t group = 0; group < groups_; ++group) Apply(operands, {row, 1, group * width, width});
          }
        });
        break;
      case fb::Axis::Column:
        ForRowBlocks(context.pool, in.cols, 1,
                     [&](int64_t col, int64_t) { Apply(operands, {0, in.rows, col, 1}); });
        break;
      case fb::Axis::All:
        Apply(operands, {0, in.rows, 0, in.cols});
    }
    return Status::Ok();
  }

 private:
  struct Window {
    int64_t row = 0;
    int64_t rows = 0;
    int64_t col = 0;
    int64_t cols = 0;
  };

  void Apply(const OpOperands& operands, const Window& window) const {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const float* gamma = operands.num_inputs > 1 ? operands.inputs[1].As<const float>().data : nullptr;
    const float* beta = operands.num_inputs > 2 ? operands.inputs[2].As<const float>().data : nullptr;
    const Standard standard =
        StandardOf({in.Row(window.row) + window.col, window.rows, window.cols, in.stride}, kind_, epsilon_);
    for (int64_t row = window.row; row < window.row + window.rows; ++row) {
      for (int64_t col = window.col; col < window.col + window.cols; ++col) {
        float value = (in.Row(row)[col] - standard.mean) * standard.factor;
        if (gamma != nullptr) value *= gamma[col];
        if (beta != nullptr) value += beta[col];
        out.Row(row)[col] = value;
      }
    }
  }

  fb::NormalizeKind kind_ = fb::NormalizeKind::Standard;
  fb::Axis axis_ = fb::Axis::Row;
  int64_t groups_ = 1;
  double epsilon_ = 0.0;
};

}  // namespace

const OpDefinition kNormalizeOp = {fb::OpAttributes::Normalize, "Normalize", MeasureKernel<NormalizeKernel>,
                                   CreateKernel<NormalizeKernel>};

}  // namespace earshot
