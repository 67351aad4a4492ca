// Every entry of the rows that a block of queries needs is a range; of equal entries in several rows the
// first one stands for all.
#include "runtime/attention/patterns/block_pattern.h"

#include <algorithm>
#include <cstddef>

namespace earshot {
namespace {

int64_t OwnKey(const QueryBlock& block, int64_t query) { return query + block.num_keys - block.num_queries; }

}  // namespace

BlockPattern::TableRows BlockPattern::RowsOf(const QueryBlock& block) const {
  const auto row_of = [&](int64_t query) {
    return std::clamp<int64_t>(OwnKey(block, query), 0, table_.num_rows() * table_.block) / table_.block;
  };
  const int64_t begin = row_of(block.query_begin);
  return {begin, std::min(row_of(block.query_end - 1) + 1, table_.num_rows())};
}

std::span<const uint32_t> BlockPattern::BlocksOfRow(int64_t row) const {
  const size_t begin = table_.begins[static_cast<size_t>(row)];
  return table_.blocks.subspan(begin, table_.begins[static_cast<size_t>(row) + 1] - begin);
}

bool BlockPattern::Lists(int64_t row, uint32_t key_block, int64_t repetition) const {
  const auto [begin, end] = std::ranges::equal_range(BlocksOfRow(row), key_block);
  return end - begin > repetition;
}

BlockPattern::Entry BlockPattern::EntryAt(const TableRows& rows, int64_t index) const {
  const size_t position = table_.begins[static_cast<size_t>(rows.begin)] + static_cast<size_t>(index);
  int64_t row = rows.begin;
  while (table_.begins[static_cast<size_t>(row) + 1] <= position) ++row;
  const uint32_t key_block = table_.blocks[position];
  const std::span<const uint32_t> before =
      BlocksOfRow(row).first(position - table_.begins[static_cast<size_t>(row)]);
  return {row, key_block, before.end() - std::ranges::lower_bound(before, key_block)};
}

int64_t BlockPattern::NumRanges(const QueryBlock& block) const {
  const TableRows rows = RowsOf(block);
  if (rows.begin >= rows.end) return 0;
  return int64_t{table_.begins[static_cast<size_t>(rows.end)]} -
         int64_t{table_.begins[static_cast<size_t>(rows.begin)]};
}

KeyRange BlockPattern::Range(const QueryBlock& block, int64_t index) const {
  const TableRows rows = RowsOf(block);
  const Entry entry = EntryAt(rows, index);
  for (int64_t row = rows.begin; row < entry.row; ++row) {
    if (Lists(row, entry.key_block, entry.repetition)) return {};  // its range is there already
  }
  const int64_t last_own = OwnKey(block, block.query_end - 1);
  const int64_t begin = int64_t{entry.key_block} * table_.block;
  const int64_t seen_end =
      table_.causal ? std::clamp<int64_t>(last_own + 1, 0, block.num_keys) : block.num_keys;
  const int64_t end = std::min(begin + table_.block, seen_end);
  if (begin >= end) return {};
  const int64_t first_own = OwnKey(block, block.query_begin);
  const bool is_one_row = first_own >= 0 && last_own / table_.block == first_own / table_.block;
  const bool sees_past_alone = end <= first_own + 1;
  return {.begin = begin, .end = end, .exact = is_one_row && (!table_.causal || sees_past_alone)};
}

void BlockPattern::RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const {
  const KeyRange range = Range(block, index);
  const Entry entry = EntryAt(RowsOf(block), index);
  int64_t own = OwnKey(block, block.query_begin), known_row = -1;
  bool is_listed = false;
  for (KeyLimits& row : limits) {
    const int64_t table_row = own < 0 ? -1 : own / table_.block;
    if (table_row != known_row) {
      known_row = table_row;
      is_listed = table_row >= 0 && table_row < table_.num_rows() &&
                  Lists(table_row, entry.key_block, entry.repetition);
    }
    row = is_listed ? KeyLimits{range.begin, table_.causal ? std::min(range.end, own + 1) : range.end}
                    : KeyLimits{};
    ++own;
  }
}

}  // namespace earshot
