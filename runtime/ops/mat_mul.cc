// MatMul: products of computed matrices, for each head or group. For scores and weights that a model needs in
// full, and for its compressed keys; layers with weights are Linear, and attention that nobody looks into is
// Attention.
//
// Each row of the result is a sum of rows of b, four at a time: a loop that compilers vectorize. A transposed
// b is first turned in the workspace.
#include <algorithm>
#include <utility>

#include "runtime/core/typed_bytes.h"
#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

Matrix<const float> GroupOf(Matrix<const float> all, fb::GroupLayout layout, int64_t group, int64_t groups) {
  switch (layout) {
    case fb::GroupLayout::Columns:
      return all.Columns(group * (all.cols / groups), all.cols / groups);
    case fb::GroupLayout::Rows:
      return all.Rows(group * (all.rows / groups), all.rows / groups);
    case fb::GroupLayout::Shared:
      break;
  }
  return all;
}

Matrix<float> GroupOf(Matrix<float> all, fb::GroupLayout layout, int64_t group, int64_t groups) {
  if (layout == fb::GroupLayout::Columns) return all.Columns(group * (all.cols / groups), all.cols / groups);
  return all.Rows(group * (all.rows / groups), all.rows / groups);
}

void Transpose(Matrix<const float> in, float* out) {
  for (int64_t row = 0; row < in.rows; ++row) {
    for (int64_t col = 0; col < in.cols; ++col) out[col * in.rows + row] = in.Row(row)[col];
  }
}

struct Size {
  int64_t rows = 0;
  int64_t cols = 0;
};

class MatMulKernel final : public OpKernel {
 public:
  static Result<MatMulKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 2));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::MatMul& attributes = *setup.op->attributes_as_MatMul();
    MatMulKernel kernel;
    kernel.groups_ = attributes.groups();
    kernel.transpose_a_ = attributes.transpose_a();
    kernel.transpose_b_ = attributes.transpose_b();
    kernel.a_layout_ = attributes.a_layout();
    kernel.b_layout_ = attributes.b_layout();
    kernel.out_layout_ = attributes.out_layout();
    kernel.scale_ = attributes.scale();
    if (kernel.groups_ < 1 || kernel.a_layout_ > fb::GroupLayout::MAX ||
        kernel.b_layout_ > fb::GroupLayout::MAX || kernel.out_layout_ > fb::GroupLayout::Rows) {
      return Status::Error(StatusCode::kInvalidModel, "its groups or their layouts are out of range");
    }
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    const Size b = kernel.GroupSize(setup.operands.inputs[1], kernel.b_layout_).value();
    if (kernel.transpose_b_)
      kernel.workspace_bytes_ = AlignUp(static_cast<size_t>(b.rows * b.cols) * sizeof(float));
    return kernel;
  }

  size_t workspace_bytes() const { return workspace_bytes_; }

  Status Check(const OpOperands& operands) const override {
    EARSHOT_ASSIGN_OR_RETURN(Size a, GroupSize(operands.inputs[0], a_layout_));
    EARSHOT_ASSIGN_OR_RETURN(Size b, GroupSize(operands.inputs[1], b_layout_));
    if (transpose_a_) std::swap(a.rows, a.cols);
    if (transpose_b_) std::swap(b.rows, b.cols);
    if (a.cols != b.rows) {
      return Status::Error(StatusCode::kInvalidModel, "a [%lld, %lld] and b [%lld, %lld] have no product",
                           static_cast<long long>(a.rows), static_cast<long long>(a.cols),
                           static_cast<long long>(b.rows), static_cast<long long>(b.cols));
    }
    const bool by_rows = out_layout_ == fb::GroupLayout::Rows;
    return CheckShape("the output", operands.outputs[0], by_rows ? a.rows * groups_ : a.rows,
                      by_rows ? b.cols : b.cols * groups_);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto all_a = operands.inputs[0].As<const float>();
    const auto all_b = operands.inputs[1].As<const float>();
    const auto all_out = operands.outputs[0].As<float>();
    for (int64_t group = 0; group < groups_; ++group) {
      const Matrix<const float> a = GroupOf(all_a, a_layout_, group, groups_);
      Matrix<const float> b = GroupOf(all_b, b_layout_, group, groups_);
      if (transpose_b_) {
        float* turned = ElementsAt<float>(context.workspace.data());
        if (group == 0 || b_layout_ != fb::GroupLayout::Shared) Transpose(b, turned);
        b = {turned, b.cols, b.rows, b.rows};
      }
      const Matrix<float> out = GroupOf(all_out, out_layout_, group, groups_);
      ForRowBlocks(context.pool, out.rows, CacheBlockRows(out.cols), [&](int64_t begin, int64_t count) {
        for (int64_t row = begin; row < begin + count; ++row) ComputeRow(a, b, row, out.Row(row));
      });
    }
    return Status::Ok();
  }

 private:
  Result<Size> GroupSize(const MatrixView& view, fb::GroupLayout layout) const {
    if (layout == fb::GroupLayout::Rows && view.rows % groups_ != 0) {
      return Status::Error(StatusCode::kInvalidModel, "%lld rows do not make %lld equal parts",
                           static_cast<long long>(view.rows), static_cast<long long>(groups_));
    }
    if (layout == fb::GroupLayout::Columns) EARSHOT_RETURN_IF_ERROR(CheckGroups("an operand", view, groups_));
    return Size{layout == fb::GroupLayout::Rows ? view.rows / groups_ : view.rows,
                layout == fb::GroupLayout::Columns ? view.cols / groups_ : view.cols};
  }

  void ComputeRow(Matrix<const float> a, Matrix<const float> b, int64_t row, float* out) const {
    const float* first = transpose_a_ ? a.data + row : a.Row(row);
    const int64_t step = transpose_a_ ? a.stride : 1;
    std::fill_n(out, b.cols, 0.0f);
    int64_t k = 0;
    for (; k + 4 <= b.rows; k += 4) {
      const float a0 = first[k * step] * scale_, a1 = first[(k + 1) * step] * scale_;
      const float a2 = first[(k + 2) * step] * scale_, a3 = first[(k + 3) * step] * scale_;
      const float *b0 = b.Row(k), *b1 = b.Row(k + 1), *b2 = b.Row(k + 2), *b3 = b.Row(k + 3);
      for (int64_t col = 0; col < b.cols; ++col)
        out[col] += (a0 * b0[col] + a1 * b1[col]) + (a2 * b2[col] + a3 * b3[col]);
    }
    for (; k < b.rows; ++k) {
      const float factor = first[k * step] * scale_;
      for (int64_t col = 0; col < b.cols; ++col) out[col] += factor * b.Row(k)[col];
    }
  }

  int64_t groups_ = 1;
  bool transpose_a_ = false;
  bool transpose_b_ = false;
  fb::GroupLayout a_layout_ = fb::GroupLayout::Columns;
  fb::GroupLayout b_layout_ = fb::GroupLayout::Columns;
  fb::GroupLayout out_layout_ = fb::GroupLayout::Columns;
  float scale_ = 1.0f;
  size_t workspace_bytes_ = 0;
};

}  // namespace

const OpDefinition kMatMulOp = {fb::OpAttributes::MatMul, "MatMul", MeasureKernel<MatMulKernel>,
                                CreateKernel<MatMulKernel>};

}  // namespace earshot
