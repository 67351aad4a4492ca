// Attention and its patterns, key by key, from the definitions in model.fbs.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/ir_interpreter.h"

namespace earshot::test {
namespace {

void Require(bool condition, const std::string& problem) {
  if (!condition) throw std::runtime_error("IR interpreter: " + problem);
}

// Whether a selection other than Blocks has the key for the query that stands at key `own`.
bool Selects(const ir::KeySelection& selection, int64_t own, int64_t key,
             const std::vector<int64_t>& listed) {
  const int64_t distance = key - own;
  switch (selection.kind) {
    case ir::SelectionKind::kAll:
      return true;
    case ir::SelectionKind::kLocal:
      return -selection.left <= distance && distance <= selection.right;
    case ir::SelectionKind::kGlobal:
      return key < selection.count;
    case ir::SelectionKind::kStrided:
      return key >= selection.offset && (key - selection.offset) % selection.step < selection.width;
    case ir::SelectionKind::kBucket: {
      int64_t begin = selection.offset - selection.count;
      while (begin + selection.step <= own) begin += selection.step;
      return begin - selection.left <= key && key < begin + selection.step + selection.right;
    }
    case ir::SelectionKind::kDilated:
      return distance % selection.step == 0 && -selection.left * selection.step <= distance &&
             distance <= selection.right * selection.step;
    case ir::SelectionKind::kListed:
      return std::ranges::find(listed, key) != listed.end();
    case ir::SelectionKind::kPooled:
    case ir::SelectionKind::kBlocks:
    case ir::SelectionKind::kPaired:
    case ir::SelectionKind::kSummaries:
      break;
  }
  throw std::runtime_error("IR interpreter: a selection that is not interpreted");
}

struct Lengths {
  int64_t queries, keys;
};

// Paired, of the query with the number `query`.
bool IsPaired(const ir::KeySelection& pairs, const Lengths& lengths, int64_t query, int64_t key) {
  const int64_t front = lengths.keys - lengths.queries, block = query / pairs.step;
  if (key >= front) return (key - front) / pairs.step == block;
  return key / pairs.count == std::min(block, front / pairs.count - 1);
}

// Summaries: the last key stands for the `step` positions that end with the last query, and so on backwards.
bool IsSummarized(const ir::KeySelection& summaries, const Lengths& lengths, int64_t query, int64_t key) {
  if (key < summaries.count) return true;
  const int64_t last_position = lengths.queries - 1 - (lengths.keys - 1 - key) * summaries.step;
  return last_position <= query;
}

int64_t TimesListed(const ir::KeySelection& table, int64_t own, int64_t key) {
  const int64_t row = own / table.step;
  if (own < 0 || row + 1 >= static_cast<int64_t>(table.block_begins.size())) return 0;
  const auto begin = table.blocks.begin() + table.block_begins[static_cast<size_t>(row)];
  const auto end = table.blocks.begin() + table.block_begins[static_cast<size_t>(row) + 1];
  return std::count(begin, end, key / table.step);
}

// How often the query sees the key.
int64_t TimesSeen(const ir::Attention& attention, int64_t head, const Lengths& lengths, int64_t own,
                  int64_t key, const std::vector<int64_t>& listed) {
  if (attention.pattern == ir::PatternKind::kFull) return 1;
  if (attention.pattern == ir::PatternKind::kCausal) return key <= own ? 1 : 0;
  const ir::HeadPattern& pattern =
      attention.heads[attention.heads.size() == 1 ? 0 : static_cast<size_t>(head)];
  if (pattern.causal && key > own) return 0;
  if (pattern.own_last && key == own) {
    for (int64_t other = 0; other < own; ++other) {
      if (Selects(pattern.selections[0], own, other, listed)) return 0;
    }
  }
  const ir::KeySelection& first = pattern.selections[0];
  const int64_t query = own - (lengths.keys - lengths.queries);
  if (first.kind == ir::SelectionKind::kBlocks) return TimesListed(first, own, key);
  if (first.kind == ir::SelectionKind::kPaired) return IsPaired(first, lengths, query, key);
  if (first.kind == ir::SelectionKind::kSummaries) return IsSummarized(first, lengths, query, key);
  return std::ranges::any_of(pattern.selections, [&](const ir::KeySelection& selection) {
    return Selects(selection, own, key, listed);
  });
}

bool HasListed(const ir::Attention& attention) {
  return std::ranges::any_of(attention.heads, [](const ir::HeadPattern& head) {
    return std::ranges::any_of(head.selections, [](const ir::KeySelection& selection) {
      return selection.kind == ir::SelectionKind::kListed;
    });
  });
}

// What one query sees of one key.
struct Pair {
  double weight;
  const double* value;
};

// Zeros where there are no pairs.
void WeightedSum(std::vector<Pair>& pairs, int64_t width, double* out) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const Pair& pair : pairs) largest = std::max(largest, pair.weight);
  for (Pair& pair : pairs) sum += pair.weight = std::exp(pair.weight - largest);
  for (int64_t c = 0; c < width; ++c) {
    out[c] = 0;
    for (const Pair& pair : pairs) out[c] += pair.weight / sum * pair.value[c];
  }
}

}  // namespace

void IrInterpreter::Compute(const ir::Attention& attention, const std::vector<Matrix>& in,
                            const Matrix& out) {
  const Matrix &q = in.at(0), &k = in.at(1), &v = in.at(2);
  const int64_t width = q.cols / attention.num_heads, shift = k.rows - q.rows;
  const int64_t group = attention.num_heads / attention.num_kv_heads;
  Require(k.cols == width * attention.num_kv_heads && v.cols == k.cols && v.rows == k.rows,
          "keys and values do not agree");
  std::vector<int64_t> listed;
  for (int64_t i = 0; HasListed(attention) && i < in.at(3).rows; ++i)
    listed.push_back(static_cast<int64_t>(in[3].At(i, 0)));
  const Matrix past = attention.past ? in.back() : Matrix{};
  const int64_t capacity = attention.past ? past.rows - 1 : 0;
  const int64_t next = attention.past ? static_cast<int64_t>(past.At(capacity, 0)) : 0;
  const int64_t held = attention.past ? static_cast<int64_t>(past.At(capacity, 1)) : 0;
  std::vector<double> result(static_cast<size_t>(q.rows * q.cols));
  for (int64_t head = 0; head < attention.num_heads; ++head) {
    const int64_t q_begin = head * width, kv_begin = head / group * width;
    for (int64_t row = 0; row < q.rows; ++row) {
      std::vector<Pair> pairs;
      for (int64_t key = -held; key < k.rows; ++key) {
        const double* keys =
            key < 0 ? &past.At((next + key + capacity) % capacity, kv_begin) : &k.At(key, kv_begin);
        double score = 0;
        for (int64_t c = 0; c < width; ++c) score += q.At(row, q_begin + c) * keys[c];
        const double* values = key < 0 ? keys + k.cols : &v.At(key, kv_begin);
        const bool is_others = attention.side_by_side && key / (k.rows / q.rows) != row;
        const int64_t times =
            is_others ? 0 : TimesSeen(attention, head, {q.rows, k.rows}, row + shift, key, listed);
        pairs.insert(pairs.end(), static_cast<size_t>(times),
                     Pair{score * static_cast<double>(attention.scale), values});
      }
      WeightedSum(pairs, width, result.data() + row * q.cols + q_begin);
    }
  }
  for (int64_t key = 0; attention.past && key < k.rows; ++key) {
    for (int64_t c = 0; c < k.cols; ++c) {
      past.At((next + key) % capacity, c) = k.At(key, c);
      past.At((next + key) % capacity, k.cols + c) = v.At(key, c);
    }
  }
  if (attention.past) {
    past.At(capacity, 0) = static_cast<double>((next + k.rows) % capacity);
    past.At(capacity, 1) = static_cast<double>(std::min(capacity, held + k.rows));
  }
  for (int64_t row = 0; row < q.rows; ++row) {  // which may be the memory of q
    for (int64_t col = 0; col < q.cols; ++col)
      out.At(row, col) = result[static_cast<size_t>(row * q.cols + col)];
  }
}

void IrInterpreter::Compute(const ir::ReplaceRows&, const std::vector<Matrix>& in, const Matrix& out) {
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) out.At(row, col) = in.at(0).At(row, col);
  }
  for (int64_t i = 0; i < in.at(1).rows; ++i) {
    const int64_t row = static_cast<int64_t>(in[1].At(i, 0));
    Require(row >= 0 && row < out.rows, "a row to replace is not there");
    for (int64_t col = 0; col < out.cols; ++col) out.At(row, col) = in.at(2).At(i, col);
  }
}

}  // namespace earshot::test
