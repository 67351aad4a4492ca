// Look-up in the list of ops.
#include "runtime/ops/op_registry.h"

namespace earshot {

const OpDefinition* FindOp(fb::OpAttributes type) {
  static const OpDefinition* const kOps[] = {
      &kLinearOp,          &kConv1dOp,      &kLayerNormOp,        &kAddOp,        &kEmbeddingOp,
      &kAttentionOp,       &kActivateOp,    &kFeedForwardOp,      &kScaleShiftOp, &kBinaryOp,
      &kUnaryOp,           &kNormalizeOp,   &kSoftmaxOp,          &kReduceOp,     &kArgMaxOp,
      &kMatMulOp,          &kConv2dOp,      &kRotaryOp,           &kLstmOp,       &kRelativeShiftOp,
      &kLinearAttentionOp, &kReplaceRowsOp, &kScatterAddOp,       &kMixBlocksOp,  &kRankedSoftmaxOp,
      &kBucketSortOp,      &kTopRowsOp,     &kClusterAttentionOp, &kDropListedOp};
  for (const OpDefinition* op : kOps) {
    if (op->type == type) return op;
  }
  return nullptr;
}

}  // namespace earshot
