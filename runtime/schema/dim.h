// Run-time lengths: the value of an fb::Dim for given symbol values.
#ifndef EARSHOT_RUNTIME_SCHEMA_DIM_H_
#define EARSHOT_RUNTIME_SCHEMA_DIM_H_

#include <cstdint>
#include <span>

#include "runtime/schema/model_generated.h"

namespace earshot {

// Precondition (validated at load): the symbol index is in range, divisor >= 1. Cannot overflow for symbols <
// 2^31.
inline int64_t EvaluateDim(const fb::Dim& dim, std::span<const int64_t> symbols) {
  const int64_t symbol = dim.symbol() < 0 ? 0 : symbols[static_cast<size_t>(dim.symbol())];
  return (symbol * dim.multiplier() + dim.addend()) / dim.divisor();
}

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_SCHEMA_DIM_H_
