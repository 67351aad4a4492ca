// Symbolic lengths: floor((symbol * multiplier + addend) / divisor) with multiplier >= 0 and divisor >= 1.
#include "converter/ir/dim.h"

#include <numeric>

namespace earshot::ir {
namespace {

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

int64_t EvaluateAt(const Dim& dim, int64_t symbol) {
  return FloorDivide(symbol * dim.multiplier + dim.addend, dim.divisor);
}

bool FitsFormat(int64_t number) { return number >= INT32_MIN && number <= INT32_MAX; }

}  // namespace

int64_t Evaluate(const Dim& dim, std::span<const int64_t> symbols) {
  return EvaluateAt(dim, dim.symbol == kNone ? 0 : symbols[static_cast<size_t>(dim.symbol)]);
}

Dim Simplify(Dim dim) {
  if (dim.symbol == kNone || dim.multiplier == 0) return Dim::Fixed(FloorDivide(dim.addend, dim.divisor));
  // With g = gcd(multiplier, divisor): floor((m s + a) / d) = floor((m/g s + floor(a/g)) / (d/g)), as m/g s
  // is whole.
  const int64_t common = std::gcd(dim.multiplier, dim.divisor);
  return {dim.symbol, dim.multiplier / common, FloorDivide(dim.addend, common), dim.divisor / common};
}

bool SameLength(const Dim& a, const Dim& b) { return Simplify(a) == Simplify(b); }

Dim AddAndDivide(const Dim& dim, int64_t offset, int64_t divisor) {
  // floor((floor(x / d) + o) / e) = floor((x + o d) / (d e)).
  return Simplify({dim.symbol, dim.multiplier, dim.addend + offset * dim.divisor, dim.divisor * divisor});
}

DimRange RangeOf(const Dim& dim, std::span<const Symbol> symbols) {
  if (dim.symbol == kNone) return {EvaluateAt(dim, 0), EvaluateAt(dim, 0)};
  const Symbol& symbol = symbols[static_cast<size_t>(dim.symbol)];
  return {EvaluateAt(dim, symbol.minimum), EvaluateAt(dim, symbol.maximum)};
}

Status CheckDim(const Dim& dim, std::span<const Symbol> symbols) {
  if (dim.symbol != kNone && (dim.symbol < 0 || static_cast<size_t>(dim.symbol) >= symbols.size())) {
    return Status::Error(StatusCode::kInternal, "a length uses symbol %d of %zu", dim.symbol, symbols.size());
  }
  if (!FitsFormat(dim.multiplier) || !FitsFormat(dim.addend) || !FitsFormat(dim.divisor) ||
      dim.multiplier < 0 || dim.divisor < 1) {
    return Status::Error(StatusCode::kInternal,
                         "a length is (symbol * %lld + %lld) / %lld, which no file can hold",
                         static_cast<long long>(dim.multiplier), static_cast<long long>(dim.addend),
                         static_cast<long long>(dim.divisor));
  }
  const DimRange range = RangeOf(dim, symbols);
  if (range.smallest < 0 || range.largest > kMaxLength) {
    return Status::Error(StatusCode::kInternal, "the length %s runs from %lld to %lld",
                         DimText(dim, symbols).c_str(), static_cast<long long>(range.smallest),
                         static_cast<long long>(range.largest));
  }
  return Status::Ok();
}

std::string DimText(const Dim& dim, std::span<const Symbol> symbols) {
  const Dim simple = Simplify(dim);
  if (simple.symbol == kNone) return std::to_string(simple.addend);
  const size_t index = static_cast<size_t>(simple.symbol);
  std::string text = index < symbols.size() ? symbols[index].name : "symbol " + std::to_string(simple.symbol);
  if (simple.multiplier != 1) text = std::to_string(simple.multiplier) + " * " + text;
  if (simple.addend > 0) text += " + " + std::to_string(simple.addend);
  if (simple.addend < 0) text += " - " + std::to_string(-simple.addend);
  if (simple.divisor != 1) text = "(" + text + ") / " + std::to_string(simple.divisor);
  return text;
}

}  // namespace earshot::ir
