// The list of all ops of this build.
#ifndef EARSHOT_RUNTIME_OPS_OP_REGISTRY_H_
#define EARSHOT_RUNTIME_OPS_OP_REGISTRY_H_

#include "runtime/ops/op.h"

namespace earshot {

// One definition in each op's file.
extern const OpDefinition kLinearOp;
extern const OpDefinition kConv1dOp;
extern const OpDefinition kLayerNormOp;
extern const OpDefinition kAddOp;
extern const OpDefinition kEmbeddingOp;
extern const OpDefinition kAttentionOp;
extern const OpDefinition kActivateOp;
extern const OpDefinition kFeedForwardOp;

// nullptr where this build has no such op.
const OpDefinition* FindOp(fb::OpAttributes type);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_OP_REGISTRY_H_
