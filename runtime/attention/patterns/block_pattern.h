// Blocks of keys from a table: layouts that are irregular, or drawn at random.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_BLOCK_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_BLOCK_PATTERN_H_

#include <cstdint>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

// Compressed sparse rows: blocks[begins[r]], ..., blocks[begins[r + 1] - 1] are the blocks of keys that the
// queries of block r see, ascending; one that is listed twice counts twice. Borrowed.
struct BlockTable {
  int64_t block = 1;                 // queries, and keys, in a block; > 0
  std::span<const uint32_t> begins;  // one more than there are rows
  std::span<const uint32_t> blocks;
  bool causal = false;  // no key later than the query's own

  int64_t num_rows() const { return static_cast<int64_t>(begins.size()) - 1; }
};

// Query i stands at key i + Tk - Tq, in the block of that key; beyond the table queries see nothing. A block
// of keys is one range for all queries of the kernel's block that see it. Papers: Sparse Transformer, Child
// et al. 2019; BigBird, Zaheer et al. 2020.
class BlockPattern final : public AttentionPattern {
 public:
  explicit BlockPattern(const BlockTable& table) : table_(table) {}

  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;

 private:
  // Rows of the table that a block of queries needs, half-open.
  struct TableRows {
    int64_t begin;
    int64_t end;
  };
  // An entry of the table: the block of keys, and how many equal entries stand before it in its row.
  struct Entry {
    int64_t row;
    uint32_t key_block;
    int64_t repetition;
  };

  TableRows RowsOf(const QueryBlock& block) const;
  std::span<const uint32_t> BlocksOfRow(int64_t row) const;
  Entry EntryAt(const TableRows& rows, int64_t index) const;
  // Whether a row lists the block more than `repetition` times.
  bool Lists(int64_t row, uint32_t key_block, int64_t repetition) const;

  BlockTable table_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_BLOCK_PATTERN_H_
