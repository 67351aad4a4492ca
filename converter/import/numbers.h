// Element types of checkpoints and their conversion to f32.
#ifndef EARSHOT_CONVERTER_IMPORT_NUMBERS_H_
#define EARSHOT_CONVERTER_IMPORT_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::checkpoint {

enum class NumberType : uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8 };

size_t NumberBytes(NumberType type);

// Converts little-endian numbers; integers beyond 2^24 and f64 are rounded to the nearest f32.
// Precondition: bytes.size() is a multiple of NumberBytes(type).
std::vector<float> ToFloats(NumberType type, std::span<const std::byte> bytes);

// Product of the dimensions (1 of none); nothing if one is negative or the product passes `limit`.
std::optional<uint64_t> NumElements(std::span<const int64_t> shape, uint64_t limit);

// "[2, 3]", for messages.
std::string ShapeText(std::span<const int64_t> shape);

// kInvalidModel names the tensor if a value is infinite or not a number: such a checkpoint is damaged, and
// its results would be noise.
Status CheckFinite(const std::string& name, std::span<const float> values);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_NUMBERS_H_
