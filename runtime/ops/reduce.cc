// Reduce: sums, means and extremes of rows, parts of rows, columns, or everything. Sums in double, see
// normalize.cc.
#include <algorithm>
#include <cmath>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

class Accumulator {
 public:
  explicit Accumulator(fb::ReduceFunction function) : function_(function) {}

  void Add(float x) {
    sum_ += static_cast<double>(x);
    extreme_ = count_ == 0                                ? x
               : function_ == fb::ReduceFunction::Minimum ? std::min(extreme_, x)
                                                          : std::max(extreme_, x);
    ++count_;
  }

  float result() const {
    switch (function_) {
      case fb::ReduceFunction::Sum:
        return static_cast<float>(sum_);
      case fb::ReduceFunction::Mean:
        return static_cast<float>(sum_ / static_cast<double>(count_));
      case fb::ReduceFunction::Maximum:
      case fb::ReduceFunction::Minimum:
        break;
    }
    return extreme_;
  }

 private:
  fb::ReduceFunction function_;
  double sum_ = 0.0;
  float extreme_ = 0.0f;
  int64_t count_ = 0;
};

class ReduceKernel final : public OpKernel {
 public:
  static Result<ReduceKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::Reduce& attributes = *setup.op->attributes_as_Reduce();
    ReduceKernel kernel;
    kernel.function_ = attributes.function();
    kernel.axis_ = attributes.axis();
    kernel.groups_ = attributes.groups();
    const bool is_known = kernel.axis_ <= fb::Axis::MAX && kernel.function_ <= fb::ReduceFunction::MAX;
    if (!is_known || (kernel.axis_ != fb::Axis::Row && kernel.groups_ != 1))
      return Status::Error(StatusCode::kInvalidModel, "its function, axis and groups do not go together");
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& in = operands.inputs[0];
    EARSHOT_RETURN_IF_ERROR(CheckGroups("the input", in, groups_));
    if (in.rows < 1 || in.cols < 1)
      return Status::Error(StatusCode::kInvalidModel, "there is nothing to reduce");
    const int64_t rows = axis_ == fb::Axis::Row ? in.rows : 1;
    const int64_t cols = axis_ == fb::Axis::Row ? groups_ : axis_ == fb::Axis::Column ? in.cols : 1;
    return CheckShape("the output", operands.outputs[0], rows, cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    if (axis_ == fb::Axis::All) {
      *out.data = ReduceBlock(in);
    } else if (axis_ == fb::Axis::Column) {
      ForRowBlocks(context.pool, in.cols, 1,
                   [&](int64_t col, int64_t) { out.data[col] = ReduceBlock(in.Columns(col, 1)); });
    } else {
      const int64_t width = in.cols / groups_;
      ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
        for (int64_t row = begin; row < begin + count; ++row) {
          for (int64_t group = 0; group < groups_; ++group)
            out.Row(row)[group] = ReduceBlock(in.Rows(row, 1).Columns(group * width, width));
        }
      });
    }
    return Status::Ok();
  }

 private:
  float ReduceBlock(Matrix<const float> block) const {
    Accumulator accumulator(function_);
    for (int64_t row = 0; row < block.rows; ++row) {
      for (int64_t col = 0; col < block.cols; ++col) accumulator.Add(block.Row(row)[col]);
    }
    return accumulator.result();
  }

  fb::ReduceFunction function_ = fb::ReduceFunction::Sum;
  fb::Axis axis_ = fb::Axis::Row;
  int64_t groups_ = 1;
};

}  // namespace

const OpDefinition kReduceOp = {fb::OpAttributes::Reduce, "Reduce", MeasureKernel<ReduceKernel>,
                                CreateKernel<ReduceKernel>};

}  // namespace earshot
