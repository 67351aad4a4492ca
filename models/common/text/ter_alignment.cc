// The banded word alignment of the translation edit rate.
#include "models/common/text/ter_alignment.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace earshot {
namespace {

constexpr double kHalfBandWords = 25;

enum class Edit : uint8_t { kNone, kDiagonal, kExtraWord, kMissingWord };

struct Cell {
  int64_t edits = INT32_MAX;  // outside the band: never the cheapest
  Edit last = Edit::kNone;
};

class Table {
 public:
  Table(size_t rows, size_t columns) : columns_(columns), cells_(rows * columns) {}
  Cell& At(size_t row, size_t column) { return cells_[row * columns_ + column]; }

 private:
  size_t columns_;
  std::vector<Cell> cells_;
};

void Improve(Cell* cell, int64_t edits, Edit last) {
  if (edits < cell->edits) *cell = {edits, last};
}

// The columns of a row that lie in the band.
struct Band {
  double slope;       // reference words per hypothesis word
  double half_width;  // in reference words

  Band(size_t num_hypothesis, size_t num_reference)
      : slope(num_hypothesis == 0 ? 1.0
                                  : static_cast<double>(num_reference) / static_cast<double>(num_hypothesis)),
        half_width(slope / 2 > kHalfBandWords ? std::ceil(slope / 2 + kHalfBandWords) : kHalfBandWords) {}

  double Centre(size_t row) const { return std::floor(static_cast<double>(row) * slope); }
  size_t Begin(size_t row) const { return static_cast<size_t>(std::max(0.0, Centre(row) - half_width)); }
  size_t End(size_t row, size_t num_columns) const {
    return std::min(num_columns, static_cast<size_t>(Centre(row) + half_width));
  }
};

// Rows are hypothesis words, columns reference words.
Table FillTable(std::u32string_view hypothesis, std::u32string_view reference) {
  const size_t rows = hypothesis.size() + 1;
  const size_t columns = reference.size() + 1;
  Table table(rows, columns);
  for (size_t j = 0; j < columns; ++j) table.At(0, j) = {static_cast<int64_t>(j), Edit::kMissingWord};
  const Band band(hypothesis.size(), reference.size());
  for (size_t i = 1; i < rows; ++i) {
    const size_t end = i + 1 == rows ? columns : band.End(i, columns);
    for (size_t j = band.Begin(i); j < end; ++j) {
      Cell* cell = &table.At(i, j);
      if (j > 0) {
        const int64_t cost = hypothesis[i - 1] == reference[j - 1] ? 0 : 1;
        Improve(cell, table.At(i - 1, j - 1).edits + cost, Edit::kDiagonal);
      }
      Improve(cell, table.At(i - 1, j).edits + 1, Edit::kExtraWord);
      if (j > 0) Improve(cell, table.At(i, j - 1).edits + 1, Edit::kMissingWord);
    }
  }
  return table;
}

}  // namespace

TerAlignment AlignForTer(std::u32string_view hypothesis, std::u32string_view reference) {
  Table table = FillTable(hypothesis, reference);
  size_t i = hypothesis.size();
  size_t j = reference.size();
  TerAlignment alignment{.edits = table.At(i, j).edits,
                         .hypothesis_position = std::vector<int64_t>(j),
                         .reference_is_wrong = std::vector<bool>(j),
                         .hypothesis_is_wrong = std::vector<bool>(i)};
  while (i > 0 || j > 0) {
    const Edit edit = table.At(i, j).last;
    if (edit == Edit::kExtraWord) {
      alignment.hypothesis_is_wrong[--i] = true;
      continue;
    }
    alignment.hypothesis_position[--j] = static_cast<int64_t>(i) - 1;
    const bool is_wrong = edit == Edit::kMissingWord || hypothesis[i - 1] != reference[j];
    alignment.reference_is_wrong[j] = is_wrong;
    if (edit == Edit::kDiagonal) alignment.hypothesis_is_wrong[--i] = is_wrong;
  }
  return alignment;
}

}  // namespace earshot
