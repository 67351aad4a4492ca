// Semantic validation of a model file. The FlatBuffers verifier proves that the tables lie inside the buffer;
// this proves that what they say makes sense: every index, shape, offset and extent, so that nothing after it
// needs to ask again. Not covered here: whether the shapes of an op's operands agree. That is each op's Check
// (runtime/ops).
#ifndef EARSHOT_RUNTIME_SCHEMA_VALIDATE_H_
#define EARSHOT_RUNTIME_SCHEMA_VALIDATE_H_

#include <cstdint>

#include "runtime/core/status.h"
#include "runtime/schema/model_generated.h"

namespace earshot {

// No dimension may exceed this; products of two fit easily into 64 bits.
constexpr int64_t kMaxDimension = (int64_t{1} << 31) - 1;

// `weights_bytes`: length of the weights segment of the file. Errors: kInvalidModel, kUnsupported (newer
// format). Never allocates.
Status ValidateModel(const fb::Model& model, uint64_t weights_bytes);

// Part of ValidateModel: symbols, values and operand indices of one method.
Status ValidateMethod(const fb::Model& model, const fb::Method& method);

// Part of ValidateMethod: the patterns of an attention op's heads.
Status ValidateHeadPatterns(const fb::Attention& attention);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_SCHEMA_VALIDATE_H_
