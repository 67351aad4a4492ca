// Patterns that use every feature of the pattern interface, each with a plain statement of which keys a query
// sees.
#ifndef EARSHOT_TESTS_KERNELS_TEST_PATTERNS_H_
#define EARSHOT_TESTS_KERNELS_TEST_PATTERNS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

#include "runtime/attention/attention_pattern.h"
#include "runtime/attention/patterns/mixed_heads.h"
#include "runtime/attention/patterns/window_pattern.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot::testing {

// A pattern that can also say, for one pair of rows of Q and K, whether they meet: what its ranges must come
// down to.
class TestPattern : public AttentionPattern {
 public:
  virtual bool Sees(int64_t head, int64_t query_row, int64_t key_row) const = 0;
};

// Window of `radius` keys to both sides, and every `stride`-th key beyond it.
class LocalAndStrided final : public TestPattern {
 public:
  LocalAndStrided(int64_t radius, int64_t stride) : radius_(radius), stride_(stride) {}
  int64_t NumRanges(const QueryBlock&) const override { return 3; }
  KeyRange Range(const QueryBlock& block, int64_t index) const override {
    const int64_t after = (block.query_begin + radius_ + stride_) / stride_ * stride_;
    switch (index) {
      case 0:
        return {0, std::min(block.num_keys, block.query_end - radius_), stride_, false};
      case 1:
        return {std::max<int64_t>(0, block.query_begin - radius_),
                std::min(block.num_keys, block.query_end + radius_), 1, false};
      default:
        return {after, block.num_keys, stride_, false};
    }
  }
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override {
    for (size_t row = 0; row < limits.size(); ++row) {
      const int64_t query = block.query_begin + static_cast<int64_t>(row);
      const KeyLimits choices[] = {
          {-5, query - radius_}, {query - radius_, query + radius_ + 1}, {query + radius_ + 1, 1 << 30}};
      limits[row] = choices[index];
    }
  }
  bool Sees(int64_t, int64_t query, int64_t key) const override {
    return std::abs(query - key) <= radius_ || key % stride_ == 0;
  }

 private:
  int64_t radius_;
  int64_t stride_;
};

// Every query sees the keys of its own residue that are not later: an order, and a causal limit within it. Tq
// = Tk.
class CausalResidues final : public TestPattern {
 public:
  CausalResidues(int64_t length, int64_t stride) : stride_(stride) {
    for (int64_t residue = 0; residue < stride; ++residue) {
      for (int64_t row = residue; row < length; row += stride) {
        order_.push_back(static_cast<int32_t>(row));
        residue_begin_.push_back(static_cast<int64_t>(order_.size()) - 1 - row / stride);
      }
    }
  }
  AttentionOrder Order(int64_t, int64_t, int64_t) const override { return {order_, order_}; }
  int64_t NumRanges(const QueryBlock&) const override { return 1; }
  KeyRange Range(const QueryBlock& block, int64_t) const override {
    return {residue_begin_[static_cast<size_t>(block.query_begin)], block.query_end, 1, false};
  }
  void RowLimits(const QueryBlock& block, int64_t, std::span<KeyLimits> limits) const override {
    for (size_t row = 0; row < limits.size(); ++row) {
      const int64_t position = block.query_begin + static_cast<int64_t>(row);
      limits[row] = {residue_begin_[static_cast<size_t>(position)], position + 1};
    }
  }
  bool Sees(int64_t, int64_t query, int64_t key) const override {
    return key <= query && (query - key) % stride_ == 0;
  }

 private:
  int64_t stride_;
  std::vector<int32_t> order_;
  std::vector<int64_t> residue_begin_;
};

// Queries and keys in clusters of uneven size, other clusters in every head: orders, one range per cluster,
// rows that see nothing of a range, clusters without keys, and keys that belong to two clusters (the key
// order is longer than Tk).
class Clusters final : public TestPattern {
 public:
  Clusters(int64_t num_heads, int64_t num_queries, int64_t num_keys, int64_t num_clusters)
      : num_clusters_(num_clusters) {
    Random random(static_cast<uint64_t>(num_keys));
    heads_.resize(static_cast<size_t>(num_heads));
    for (Head& head : heads_) {
      // The product of two uniform numbers makes some clusters much larger than others.
      for (int64_t i = 0; i < num_queries; ++i)
        head.query_cluster.push_back(random.Below(random.Below(num_clusters) + 1));
      for (int64_t i = 0; i < num_keys; ++i)
        head.key_cluster.push_back(random.Below(random.Below(num_clusters) + 1));
      for (int64_t cluster = 0; cluster < num_clusters; ++cluster) {
        head.query_begin.push_back(static_cast<int64_t>(head.queries.size()));
        head.key_begin.push_back(static_cast<int64_t>(head.keys.size()));
        for (size_t i = 0; i < head.query_cluster.size(); ++i) {
          if (head.query_cluster[i] == cluster) head.queries.push_back(static_cast<int32_t>(i));
        }
        for (size_t i = 0; i < head.key_cluster.size(); ++i) {
          if (IsMember(head, static_cast<int64_t>(i), cluster)) head.keys.push_back(static_cast<int32_t>(i));
        }
      }
      head.query_begin.push_back(static_cast<int64_t>(head.queries.size()));
      head.key_begin.push_back(static_cast<int64_t>(head.keys.size()));
    }
  }
  AttentionOrder Order(int64_t head, int64_t, int64_t) const override {
    const Head& lists = heads_[static_cast<size_t>(head)];
    return {lists.queries, lists.keys};
  }
  int64_t NumRanges(const QueryBlock&) const override { return num_clusters_; }
  KeyRange Range(const QueryBlock& block, int64_t index) const override {
    const Head& head = heads_[static_cast<size_t>(block.head)];
    const size_t cluster = static_cast<size_t>(index);
    const bool touched =
        head.query_begin[cluster] < block.query_end && block.query_begin < head.query_begin[cluster + 1];
    if (!touched) return {};
    const bool whole =
        head.query_begin[cluster] <= block.query_begin && block.query_end <= head.query_begin[cluster + 1];
    return {head.key_begin[cluster], head.key_begin[cluster + 1], 1, whole};
  }
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override {
    const Head& head = heads_[static_cast<size_t>(block.head)];
    const KeyRange range = Range(block, index);
    for (size_t row = 0; row < limits.size(); ++row) {
      const int64_t query = head.queries[static_cast<size_t>(block.query_begin) + row];
      limits[row] = head.query_cluster[static_cast<size_t>(query)] == index
                        ? KeyLimits{range.begin, range.end}
                        : KeyLimits{};
    }
  }
  bool Sees(int64_t head, int64_t query, int64_t key) const override {
    const Head& lists = heads_[static_cast<size_t>(head)];
    return IsMember(lists, key, lists.query_cluster[static_cast<size_t>(query)]);
  }

 private:
  struct Head {
    std::vector<int64_t> query_cluster, key_cluster, query_begin, key_begin;
    std::vector<int32_t> queries, keys;
  };
  // Every fifth key is a member of the next cluster too. The last cluster has no members at all.
  bool IsMember(const Head& head, int64_t key, int64_t cluster) const {
    const int64_t own = head.key_cluster[static_cast<size_t>(key)];
    return cluster != num_clusters_ - 1 && (own == cluster || (key % 5 == 0 && own + 1 == cluster));
  }

  int64_t num_clusters_;
  std::vector<Head> heads_;
};

// Diagonal bands: query i sees keys i, i - stride, i - 2 stride, ... Many overlapping ranges, each of one key
// per row.
class Bands final : public TestPattern {
 public:
  explicit Bands(int64_t stride) : stride_(stride) {}
  int64_t NumRanges(const QueryBlock& block) const override { return (block.query_end - 1) / stride_ + 1; }
  KeyRange Range(const QueryBlock& block, int64_t index) const override {
    const int64_t shift = index * stride_;
    return {std::max<int64_t>(0, block.query_begin - shift),
            std::min(block.num_keys, block.query_end - shift), 1, false};
  }
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override {
    for (size_t row = 0; row < limits.size(); ++row) {
      const int64_t key = block.query_begin + static_cast<int64_t>(row) - index * stride_;
      limits[row] = {key, key + 1};
    }
  }
  bool Sees(int64_t, int64_t query, int64_t key) const override {
    return key <= query && (query - key) % stride_ == 0;
  }

 private:
  int64_t stride_;
};

// Heads differ: even ones are causal, odd ones see two exact strided ranges in descending order; head 2 sees
// nothing.
class MixedHeads final : public TestPattern {
 public:
  int64_t NumRanges(const QueryBlock& block) const override {
    return block.head == 2 ? 0 : block.head % 2 == 0 ? 1 : 2;
  }
  KeyRange Range(const QueryBlock& block, int64_t index) const override {
    if (block.head % 2 == 0) return causal_.Range(block, index);
    return index == 0 ? KeyRange{block.num_keys / 2, block.num_keys, 7} : KeyRange{1, block.num_keys / 2, 3};
  }
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override {
    causal_.RowLimits(block, index, limits);
  }
  // Tq = Tk = length here.
  explicit MixedHeads(int64_t length) : length_(length) {}
  bool Sees(int64_t head, int64_t query, int64_t key) const override {
    if (head == 2) return false;
    if (head % 2 == 0) return key <= query;
    const int64_t half = length_ / 2;
    return key >= half ? (key - half) % 7 == 0 : key >= 1 && (key - 1) % 3 == 0;
  }

 private:
  CausalPattern causal_;
  int64_t length_;
};

// A WindowPattern without pooled keys, with what its parts say of one query and one key.
class PlainWindow final : public TestPattern {
 public:
  PlainWindow(const WindowSpec& spec, int64_t num_queries, int64_t num_keys)
      : spec_(spec), pattern_(spec), past_(num_keys - num_queries) {}
  int64_t NumRanges(const QueryBlock& block) const override { return pattern_.NumRanges(block); }
  KeyRange Range(const QueryBlock& block, int64_t index) const override {
    return pattern_.Range(block, index);
  }
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override {
    pattern_.RowLimits(block, index, limits);
  }
  bool Sees(int64_t, int64_t query, int64_t key) const override {
    const int64_t own = query + past_;
    if (spec_.causal && key > own) return false;
    const bool in_window = own - spec_.left <= key && key <= own + spec_.right;
    const bool is_strided = spec_.beyond == KeysBeyond::kStrided && key % spec_.step == spec_.offset;
    return in_window || key < spec_.global || is_strided;
  }

 private:
  WindowSpec spec_;
  WindowPattern pattern_;
  int64_t past_;
};

// Four heads on two key heads: full beside pooled keys, and two kinds of pooled keys of another length.
struct PooledHeads {
  FullPattern full;
  WindowPattern sixes{{.left = 9, .right = 5, .global = 7, .beyond = KeysBeyond::kPooled, .step = 6}};
  WindowPattern fours{{.left = 70, .right = 70, .beyond = KeysBeyond::kPooled, .step = 4}};
  WindowPattern causal_fours{
      {.left = 3, .right = 0, .beyond = KeysBeyond::kPooled, .step = 4, .causal = true}};
  std::array<const AttentionPattern*, 4> heads = {&full, &sixes, &fours, &causal_fours};
  earshot::MixedHeads mixed{heads};
};

}  // namespace earshot::testing

#endif  // EARSHOT_TESTS_KERNELS_TEST_PATTERNS_H_
