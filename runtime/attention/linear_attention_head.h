// One head's view of the operands of linear attention.
#ifndef EARSHOT_RUNTIME_ATTENTION_LINEAR_ATTENTION_HEAD_H_
#define EARSHOT_RUNTIME_ATTENTION_LINEAR_ATTENTION_HEAD_H_

#include <cstdint>

#include "runtime/attention/linear_attention.h"

namespace earshot {

struct LinearHead {
  Matrix<const float> q, k;  // [T, D], [Tk, D]
  Matrix<const float> v;     // [Tk, E]
  Matrix<float> out;         // [T, E]
  Matrix<float> sums;        // [D, E + 1]
};

inline LinearHead LinearHeadOf(const LinearAttentionParams& params, const LinearAttentionOperands& all,
                               int64_t head) {
  const int64_t features = all.q.cols / params.num_heads, values = all.v.cols / params.num_heads;
  return {.q = all.q.Columns(head * features, features),
          .k = all.k.Columns(head * features, features),
          .v = all.v.Columns(head * values, values),
          .out = all.out.Columns(head * values, values),
          .sums = {all.sums + head * features * (values + 1), features, values + 1, values + 1}};
}

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_LINEAR_ATTENTION_HEAD_H_
