// Element types of tensors, values and states.
#ifndef EARSHOT_RUNTIME_CORE_DTYPE_H_
#define EARSHOT_RUNTIME_CORE_DTYPE_H_

#include <cstddef>
#include <cstdint>

namespace earshot {

// The numbers are those of fb::DType in runtime/schema/model.fbs.
enum class DType : uint8_t {
  kF32 = 0,
  kF16 = 1,  // IEEE binary16
  kI8 = 2,   // with one f32 scale per output channel (row)
  kI4 = 3,  // two per byte, low nibble first, stored as value + 8; one bf16 scale per block of 32 along a row
  kI32 = 4,
};
constexpr int kNumDTypes = 5;

// Values per scale in a kI4 row.
constexpr int64_t kI4BlockElems = 32;

// Lower-case name as the command line and the reports print it. Static storage.
const char* DTypeName(DType dtype);

// Bytes of `elems` consecutive elements; kI4 rounds up to whole bytes. 64 bits everywhere: validation counts
// with shapes of files that nobody has checked yet.
constexpr uint64_t DTypeBytes(DType dtype, uint64_t elems) {
  switch (dtype) {
    case DType::kF32:
    case DType::kI32:
      return elems * 4;
    case DType::kF16:
      return elems * 2;
    case DType::kI8:
      return elems;
    case DType::kI4:
      return (elems + 1) / 2;
  }
  return 0;
}

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_DTYPE_H_
