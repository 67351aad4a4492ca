// What an op makes of its operands: operand counts, element types and symbolic shapes, as
// runtime/schema/model.fbs states them.
#ifndef EARSHOT_CONVERTER_IR_SHAPE_INFERENCE_H_
#define EARSHOT_CONVERTER_IR_SHAPE_INFERENCE_H_

#include <span>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::ir {

struct MatrixShape {
  Dim rows;
  Dim cols;
};

// Shape of the one output of an op with these attributes and operands. kInternal if they do not fit each
// other. Precondition: every input is a valid index into method.values.
Result<MatrixShape> InferOutputShape(const Method& method, const Attributes& attributes,
                                     std::span<const int> inputs);

// Whether ops of this kind may update a state in place, which then follows their result.
bool UpdatesState(const Attributes& attributes);

// Type of the result.
DType ResultType(const Attributes& attributes);

// Name of an op's kind, for example "linear", for messages. Static storage.
const char* OpKindName(const Attributes& attributes);

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_SHAPE_INFERENCE_H_
