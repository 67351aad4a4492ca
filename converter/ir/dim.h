// Arithmetic on symbolic lengths: evaluation, canonical form, and what is known of a length whatever its
// symbol is.
#ifndef EARSHOT_CONVERTER_IR_DIM_H_
#define EARSHOT_CONVERTER_IR_DIM_H_

#include <cstdint>
#include <span>
#include <string>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::ir {

// Largest length of anything: what an fb::Dim can hold.
constexpr int64_t kMaxLength = INT32_MAX;

// The length for these symbol values. Precondition: CheckDim.
int64_t Evaluate(const Dim& dim, std::span<const int64_t> symbols);

// The same length written with the smallest numbers, so that equal lengths compare equal:
// floor((4 s + 3) / 2) is 2 s + 1; a number has no symbol, multiplier 1 and divisor 1.
Dim Simplify(Dim dim);

// Whether both are the same length for all symbol values (both simplified; two formulas that agree only on
// the range of a symbol count as different).
bool SameLength(const Dim& a, const Dim& b);

// (dim + offset) / divisor, rounded down: the number of steps of a sliding window.
Dim AddAndDivide(const Dim& dim, int64_t offset, int64_t divisor);

// Smallest and largest value over the range of the symbol.
struct DimRange {
  int64_t smallest = 0;
  int64_t largest = 0;
};
// Precondition: CheckDim.
DimRange RangeOf(const Dim& dim, std::span<const Symbol> symbols);

// kInternal unless the symbol exists, all numbers fit the file's format, and the length lies in [0,
// kMaxLength] whatever the symbol is.
Status CheckDim(const Dim& dim, std::span<const Symbol> symbols);

// For messages, for example "2 * frames", "(frames + 1) / 2", "1500".
std::string DimText(const Dim& dim, std::span<const Symbol> symbols);

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_DIM_H_
