// What an ARM core can do beyond the baseline that the project is built for, as the kernel tells it.
#ifndef EARSHOT_RUNTIME_CORE_ARM_FEATURES_H_
#define EARSHOT_RUNTIME_CORE_ARM_FEATURES_H_

namespace earshot {

// Dot products of bytes (ARMv8.2, optional before ARMv8.4; Raspberry Pi 5). Defined for ARM only. Any thread.
bool HasNeonDotProducts();

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_ARM_FEATURES_H_
