// Short forms of the patterns of heads (ir::HeadPattern), for graph builders.
#ifndef EARSHOT_MODELS_BLOCKS_KEY_SELECTION_H_
#define EARSHOT_MODELS_BLOCKS_KEY_SELECTION_H_

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::blocks {

// As many keys as there are.
constexpr int64_t kAnyDistance = (int64_t{1} << 30) - 1;

inline ir::KeySelection Local(int64_t left, int64_t right) {
  return {.kind = ir::SelectionKind::kLocal, .left = left, .right = right};
}
// `left` and `right` keys, at distances of `step`.
inline ir::KeySelection Dilated(int64_t step, int64_t left, int64_t right) {
  return {.kind = ir::SelectionKind::kDilated, .left = left, .right = right, .step = step};
}
// The query's bucket of `size` keys.
inline ir::KeySelection Bucket(int64_t size, int64_t left = 0, int64_t right = 0, int64_t first = 0) {
  return {.kind = ir::SelectionKind::kBucket, .left = left, .right = right, .step = size, .offset = first};
}
// `width` keys from `offset` on in every `step`.
inline ir::KeySelection Columns(int64_t step, int64_t offset, int64_t width) {
  return {.kind = ir::SelectionKind::kStrided, .step = step, .offset = offset, .width = width};
}
inline ir::KeySelection Listed() { return {.kind = ir::SelectionKind::kListed}; }

// Attention whose heads see these keys: one pattern for all heads, or one for each; scores over
// sqrt(head_dim).
struct HeadSize {
  int64_t heads = 1;
  int64_t kv_heads = 1;
  int64_t head_dim = 1;
};
inline ir::Attention AttendTo(const HeadSize& size, std::vector<ir::HeadPattern> patterns) {
  return {.num_heads = size.heads,
          .num_kv_heads = size.kv_heads,
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(size.head_dim))),
          .pattern = ir::PatternKind::kHeads,
          .heads = std::move(patterns)};
}

// Rows of the state of an attention with a past: the ring, and a row of counts.
constexpr int64_t PastRows(int64_t left) { return (left > 1 ? left : 1) + 1; }

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_KEY_SELECTION_H_
