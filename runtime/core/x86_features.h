// What an x86 core can do beyond the levels that the kernels are compiled for
// (runtime/kernels/simd_targets.h).
#ifndef EARSHOT_RUNTIME_CORE_X86_FEATURES_H_
#define EARSHOT_RUNTIME_CORE_X86_FEATURES_H_

namespace earshot {

// Products of bytes, four of them to a 32-bit sum, in vectors of 512 bits. Defined for 64-bit x86 only. Any
// thread.
bool HasAvx512Vnni();

// Products of tiles of bytes (AMX-INT8; Xeons since 2023). The operating system lends a process the registers
// for them if it asks, which the first call does. Defined for 64-bit x86 only. Any thread.
bool HasAmxInt8();

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_X86_FEATURES_H_
