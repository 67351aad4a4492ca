// The fastest int8 dot-product instruction of the processor, in a loop of nothing else.
#ifndef EARSHOT_PLATFORM_CPU_DOT_PRODUCTS_H_
#define EARSHOT_PLATFORM_CPU_DOT_PRODUCTS_H_

#include <cstdint>

namespace earshot {

struct DotProducts {
  const char* instruction;  // "AVX-512 VNNI"; nullptr where the processor has none
  // Runs independent chains of the instruction, `rounds` steps each, and returns how many multiply-adds that
  // were. `result` depends on all of them.
  int64_t (*run)(int64_t rounds, int32_t* result);
};

// Asks the processor. Precondition: ReadCpuInfo or InitializeXnnpack has been called.
DotProducts FindDotProducts();

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CPU_DOT_PRODUCTS_H_
