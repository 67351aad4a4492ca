// Binary: products, differences, quotients and extremes of two matrices, the second one repeated where it is
// smaller. Plain loops; the compiler vectorizes those over whole rows.
#include <algorithm>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

// Calls body(f) with the function as a type of its own, so that the loops around it are compiled for each.
template <class Body>
void WithFunction(fb::BinaryFunction function, const Body& body) {
  switch (function) {
    case fb::BinaryFunction::Multiply:
      return body([](float a, float b) { return a * b; });
    case fb::BinaryFunction::Subtract:
      return body([](float a, float b) { return a - b; });
    case fb::BinaryFunction::Divide:
      return body([](float a, float b) { return a / b; });
    case fb::BinaryFunction::Maximum:
      return body([](float a, float b) { return std::max(a, b); });
    case fb::BinaryFunction::Minimum:
      return body([](float a, float b) { return std::min(a, b); });
  }
}

// One row: `repeat` neighbouring elements of a share one of b.
template <class F>
void ApplyRow(const F& f, std::span<const float> a, const float* b, int64_t repeat, float* out) {
  const int64_t cols = std::ssize(a);
  if (repeat == 1) {
    for (int64_t col = 0; col < cols; ++col) out[col] = f(a[static_cast<size_t>(col)], b[col]);
    return;
  }
  for (int64_t begin = 0; begin < cols; begin += repeat, ++b) {
    for (int64_t col = begin; col < begin + repeat; ++col) out[col] = f(a[static_cast<size_t>(col)], *b);
  }
}

class BinaryKernel final : public OpKernel {
 public:
  static Result<BinaryKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 2, 2));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::BinaryFunction function = setup.op->attributes_as_Binary()->function();
    if (function > fb::BinaryFunction::MAX) {
      return Status::Error(StatusCode::kUnsupported, "this build has no function %d of two matrices",
                           static_cast<int>(function));
    }
    BinaryKernel kernel(function);
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    const MatrixView& a = operands.inputs[0];
    const MatrixView& b = operands.inputs[1];
    if (b.cols < 1 || a.cols % b.cols != 0 || (b.rows != 1 && b.rows != a.rows)) {
      return Status::Error(StatusCode::kInvalidModel, "[%lld, %lld] cannot be repeated to [%lld, %lld]",
                           static_cast<long long>(b.rows), static_cast<long long>(b.cols),
                           static_cast<long long>(a.rows), static_cast<long long>(a.cols));
    }
    return CheckShape("the output", operands.outputs[0], a.rows, a.cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto a = operands.inputs[0].As<const float>();
    const auto b = operands.inputs[1].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    const int64_t repeat = a.cols / b.cols;
    WithFunction(function_, [&](const auto& f) {
      ForRowBlocks(context.pool, a.rows, CacheBlockRows(a.cols), [&](int64_t begin, int64_t count) {
        for (int64_t row = begin; row < begin + count; ++row) {
          const std::span<const float> a_row(a.Row(row), static_cast<size_t>(a.cols));
          ApplyRow(f, a_row, b.Row(b.rows == 1 ? 0 : row), repeat, out.Row(row));
        }
      });
    });
    return Status::Ok();
  }

 private:
  explicit BinaryKernel(fb::BinaryFunction function) : function_(function) {}

  fb::BinaryFunction function_;
};

}  // namespace

const OpDefinition kBinaryOp = {fb::OpAttributes::Binary, "Binary", MeasureKernel<BinaryKernel>,
                                CreateKernel<BinaryKernel>};

}  // namespace earshot
