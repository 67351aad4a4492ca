// Another pattern for every head.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_MIXED_HEADS_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_MIXED_HEADS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

class MixedHeads final : public AttentionPattern {
 public:
  // heads[h] is the pattern of query head h. Borrowed, with the list.
  explicit MixedHeads(std::span<const AttentionPattern* const> heads) : heads_(heads) {}

  int64_t NumRanges(const QueryBlock& block) const override { return Of(block.head).NumRanges(block); }
  KeyRange Range(const QueryBlock& block, int64_t index) const override {
    return Of(block.head).Range(block, index);
  }
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override {
    Of(block.head).RowLimits(block, index, limits);
  }
  AttentionOrder Order(int64_t head, int64_t num_queries, int64_t num_keys) const override {
    return Of(head).Order(head, num_queries, num_keys);
  }
  int64_t PoolLength(int64_t head) const override { return Of(head).PoolLength(head); }

 private:
  const AttentionPattern& Of(int64_t head) const { return *heads_[static_cast<size_t>(head)]; }

  std::span<const AttentionPattern* const> heads_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_MIXED_HEADS_H_
