// The version of the model file format that this build writes, and the newest one it reads.
#ifndef EARSHOT_RUNTIME_SCHEMA_FORMAT_VERSION_H_
#define EARSHOT_RUNTIME_SCHEMA_FORMAT_VERSION_H_

#include <cstddef>
#include <cstdint>

namespace earshot {

constexpr uint32_t kFormatVersion = 1;

// The weights segment begins at the first multiple of this after the FlatBuffer: a page, so that pages of
// packed weights can be given back to the operating system without touching the program.
constexpr size_t kWeightsAlignment = 4096;

// The FlatBuffer part is verified whole; no real model comes near this.
constexpr size_t kMaxProgramBytes = size_t{1} << 30;

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_SCHEMA_FORMAT_VERSION_H_
