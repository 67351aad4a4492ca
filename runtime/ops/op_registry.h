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
extern const OpDefinition kScaleShiftOp;
extern const OpDefinition kBinaryOp;
extern const OpDefinition kUnaryOp;
extern const OpDefinition kNormalizeOp;
extern const OpDefinition kSoftmaxOp;
extern const OpDefinition kReduceOp;
extern const OpDefinition kArgMaxOp;
extern const OpDefinition kMatMulOp;
extern const OpDefinition kConv2dOp;
extern const OpDefinition kRotaryOp;
extern const OpDefinition kLstmOp;
extern const OpDefinition kRelativeShiftOp;
extern const OpDefinition kLinearAttentionOp;
extern const OpDefinition kReplaceRowsOp;
extern const OpDefinition kScatterAddOp;
extern const OpDefinition kMixBlocksOp;
extern const OpDefinition kRankedSoftmaxOp;
extern const OpDefinition kBucketSortOp;
extern const OpDefinition kTopRowsOp;
extern const OpDefinition kClusterAttentionOp;
extern const OpDefinition kDropListedOp;

// nullptr where this build has no such op.
const OpDefinition* FindOp(fb::OpAttributes type);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_OP_REGISTRY_H_
