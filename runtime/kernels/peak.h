// Loops that do nothing but multiply and add, or read: what a core can reach at best, the measure of all
// other kernels (Williams et al. 2009, "Roofline").
#ifndef EARSHOT_RUNTIME_KERNELS_PEAK_H_
#define EARSHOT_RUNTIME_KERNELS_PEAK_H_

#include <cstdint>
#include <span>

namespace earshot::kernels {

// Runs independent chains of f32 multiply-adds, `rounds` steps each, and returns how many multiply-adds that
// were. `result` depends on all of them.
int64_t MultiplyAddsF32(int64_t rounds, float* result);

// The sum of the words modulo 2^32: reads each byte once, as fast as memory gives them.
uint32_t SumWords(std::span<const uint32_t> words);

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_PEAK_H_
