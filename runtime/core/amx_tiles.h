// The tile registers of x86 cores with AMX: eight tiles of 16 rows of 64 bytes.
#ifndef EARSHOT_RUNTIME_CORE_AMX_TILES_H_
#define EARSHOT_RUNTIME_CORE_AMX_TILES_H_

#include <cstdint>

namespace earshot {

// A thread prepares its tile registers, multiplies, and gives them back, so that others need not save them.
// Defined for 64-bit x86 only; precondition: HasAmxInt8() (runtime/core/x86_features.h). With fewer than 16
// rows, tiles 0 to 4, of sums and of what is multiplied from the left, have so many.
void PrepareTilesAmx(int64_t rows = 16);
void ReleaseTilesAmx();

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_AMX_TILES_H_
