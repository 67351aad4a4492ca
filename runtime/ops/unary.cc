// Unary: elementary functions that no layer has as its activation. Through the C library: they stand where a
// model prepares features or scores, once per element.
#include <cmath>

#include "runtime/ops/op_registry.h"

namespace earshot {
namespace {

template <class Body>
void WithFunction(fb::UnaryFunction function, const Body& body) {
  switch (function) {
    case fb::UnaryFunction::Exp:
      return body([](float x) { return std::exp(x); });
    case fb::UnaryFunction::Log:
      return body([](float x) { return std::log(x); });
    case fb::UnaryFunction::Sqrt:
      return body([](float x) { return std::sqrt(x); });
    case fb::UnaryFunction::Square:
      return body([](float x) { return x * x; });
    case fb::UnaryFunction::Abs:
      return body([](float x) { return std::abs(x); });
    case fb::UnaryFunction::Sin:
      return body([](float x) { return std::sin(x); });
    case fb::UnaryFunction::Cos:
      return body([](float x) { return std::cos(x); });
    case fb::UnaryFunction::Asinh:
      return body([](float x) { return std::asinh(x); });
    case fb::UnaryFunction::Acos:
      return body([](float x) { return std::acos(x); });
    case fb::UnaryFunction::Tanh:
      return body([](float x) { return std::tanh(x); });
    case fb::UnaryFunction::EluPlusOne:
      return body([](float x) { return x > 0.0f ? x + 1.0f : std::exp(x); });
  }
}

class UnaryKernel final : public OpKernel {
 public:
  static Result<UnaryKernel> Make(const OpSetup& setup) {
    EARSHOT_RETURN_IF_ERROR(CheckOperandCount(setup, 1, 1));
    EARSHOT_RETURN_IF_ERROR(CheckAllF32(setup));
    const fb::UnaryFunction function = setup.op->attributes_as_Unary()->function();
    if (function > fb::UnaryFunction::MAX) {
      return Status::Error(StatusCode::kUnsupported, "this build has no function %d of a matrix",
                           static_cast<int>(function));
    }
    UnaryKernel kernel(function);
    EARSHOT_RETURN_IF_ERROR(kernel.Check(setup.operands));
    return kernel;
  }

  size_t workspace_bytes() const { return 0; }

  Status Check(const OpOperands& operands) const override {
    return CheckShape("the output", operands.outputs[0], operands.inputs[0].rows, operands.inputs[0].cols);
  }

  Status Eval(const OpOperands& operands, const EvalContext& context) override {
    const auto in = operands.inputs[0].As<const float>();
    const auto out = operands.outputs[0].As<float>();
    WithFunction(function_, [&](const auto& f) {
      ForRowBlocks(context.pool, in.rows, CacheBlockRows(in.cols), [&](int64_t begin, int64_t count) {
        for (int64_t row = begin; row < begin + count; ++row) {
          for (int64_t col = 0; col < in.cols; ++col) out.Row(row)[col] = f(in.Row(row)[col]);
        }
      });
    });
    return Status::Ok();
  }

 private:
  explicit UnaryKernel(fb::UnaryFunction function) : function_(function) {}

  fb::UnaryFunction function_;
};

}  // namespace

const OpDefinition kUnaryOp = {fb::OpAttributes::Unary, "Unary", MeasureKernel<UnaryKernel>,
                               CreateKernel<UnaryKernel>};

}  // namespace earshot
