// Which windows of a value are written, compared symbolically: by columns exactly, by rows where the formulas
// agree.
#include "converter/ir/write_order.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "converter/ir/dim.h"

namespace earshot::ir {

namespace {

// The row after the last one, where a formula says it: nothing if the two lengths depend on different
// symbols, or are rounded.
std::optional<Dim> End(const Dim& begin, const Dim& rows) {
  const Dim a = Simplify(begin), b = Simplify(rows);
  if (a.symbol != kNone && b.symbol != kNone && (a.symbol != b.symbol || a.divisor != 1 || b.divisor != 1))
    return std::nullopt;
  if (b.symbol == kNone) return AddAndDivide(a, b.addend, 1);
  if (a.symbol == kNone) return AddAndDivide(b, a.addend, 1);
  return Simplify({a.symbol, a.multiplier + b.multiplier, a.addend + b.addend, 1});
}

bool BeginsAt(const Dim& begin, const std::optional<Dim>& end) { return end && SameLength(begin, *end); }

}  // namespace

WriteOrder::WriteOrder(const Method& method) : method_(method), written_(method.values.size()) {}

WriteOrder::Region WriteOrder::Whole(int base) const {
  const Value& value = ValueAt(base);
  return {Dim::Fixed(0), value.rows, 0, RangeOf(value.cols, method_.symbols).largest};
}

WriteOrder::Region WriteOrder::RegionOf(int value) const {
  const Value& v = ValueAt(value);
  if (v.kind != ValueKind::kView) return Whole(value);
  return {v.row_begin, v.rows, v.col_begin, v.col_begin + RangeOf(v.cols, method_.symbols).largest};
}

int WriteOrder::BaseOf(int value) const {
  return ValueAt(value).kind == ValueKind::kView ? ValueAt(value).base : value;
}

bool WriteOrder::AreDisjoint(const Region& a, const Region& b) const {
  if (a.col_end <= b.col_begin || b.col_end <= a.col_begin) return true;
  if (BeginsAt(b.row_begin, End(a.row_begin, a.rows)) || BeginsAt(a.row_begin, End(b.row_begin, b.rows)))
    return true;
  const auto first = [this](const Region& r) { return RangeOf(r.row_begin, method_.symbols).smallest; };
  const auto end = [this](const Region& r) {
    return RangeOf(r.row_begin, method_.symbols).largest + RangeOf(r.rows, method_.symbols).largest;
  };
  return end(a) <= first(b) || end(b) <= first(a);
}

bool WriteOrder::IsWritten(int base, const Region& region) const {
  const Region whole = Whole(base);
  int64_t covered_to = region.col_begin;
  bool advanced = true;
  while (covered_to < region.col_end && advanced) {
    advanced = false;
    for (const Region& part : written_[static_cast<size_t>(base)]) {
      const bool has_all_rows =
          SameLength(part.row_begin, Dim::Fixed(0)) && SameLength(part.rows, whole.rows);
      const bool has_same_rows =
          SameLength(part.row_begin, region.row_begin) && SameLength(part.rows, region.rows);
      if (!has_all_rows && !has_same_rows) continue;
      if (part.col_begin > covered_to || part.col_end <= covered_to) continue;
      covered_to = part.col_end;
      advanced = true;
    }
  }
  return covered_to >= region.col_end || IsWrittenInRows(written_[static_cast<size_t>(base)], region);
}

// By parts that follow each other without a gap, each at least as wide as the region.
bool WriteOrder::IsWrittenInRows(const std::vector<Region>& parts, const Region& region) const {
  const std::optional<Dim> end = End(region.row_begin, region.rows);
  std::optional<Dim> covered_to = region.row_begin;
  for (size_t i = 0; i <= parts.size() && covered_to && end; ++i) {
    if (SameLength(*covered_to, *end)) return true;
    const auto next = std::ranges::find_if(parts, [&](const Region& part) {
      return part.col_begin <= region.col_begin && part.col_end >= region.col_end &&
             SameLength(part.row_begin, *covered_to);
    });
    if (next == parts.end()) return false;
    covered_to = End(next->row_begin, next->rows);
  }
  return false;
}

Status WriteOrder::Step(const Op& op) {
  for (const int input : op.inputs) {
    const int base = BaseOf(input);
    const ValueKind kind = ValueAt(base).kind;
    if (kind != ValueKind::kActivation && kind != ValueKind::kOutput) continue;
    if (!IsWritten(base, RegionOf(input))) {
      return Status::Error(StatusCode::kInternal, "it reads \"%s\" before that is written",
                           ValueAt(input).name.c_str());
    }
  }
  for (const int output : op.outputs) {
    const int base = BaseOf(output);
    const ValueKind kind = ValueAt(base).kind;
    if (kind == ValueKind::kInput || kind == ValueKind::kConstant) {
      return Status::Error(StatusCode::kInternal, "it writes \"%s\", which is read-only",
                           ValueAt(output).name.c_str());
    }
    // Attention may leave its result in the place of its queries, which have been found written above.
    if (std::holds_alternative<Attention>(op.attributes) && output == op.inputs[0]) continue;
    const Region region = RegionOf(output);
    std::vector<Region>& written = written_[static_cast<size_t>(base)];
    if (!std::ranges::all_of(written, [&](const Region& part) { return AreDisjoint(part, region); })) {
      return Status::Error(StatusCode::kInternal, "it writes \"%s\" a second time",
                           ValueAt(output).name.c_str());
    }
    written.push_back(region);
  }
  return Status::Ok();
}

Status WriteOrder::VerifyOutputs() const {
  for (size_t i = 0; i < method_.values.size(); ++i) {
    const int value = static_cast<int>(i);
    if (ValueAt(value).kind == ValueKind::kOutput && !IsWritten(value, Whole(value))) {
      return Status::Error(StatusCode::kInternal, "output \"%s\" is not written",
                           ValueAt(value).name.c_str());
    }
  }
  return Status::Ok();
}

}  // namespace earshot::ir
