// Conversion of stored numbers to f32.
#include "converter/import/numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "runtime/core/float16.h"

namespace earshot::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little,
              "checkpoints are little endian and read without swapping");

template <class T, class Convert>
std::vector<float> ConvertAll(std::span<const std::byte> bytes, const Convert& convert) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(stored);
  }
  return values;
}

template <class T>
std::vector<float> CastAll(std::span<const std::byte> bytes) {
  return ConvertAll<T>(bytes, [](T stored) { return static_cast<float>(stored); });
}

}  // namespace

size_t NumberBytes(NumberType type) {
  switch (type) {
    case NumberType::kF64:
    case NumberType::kI64:
      return 8;
    case NumberType::kF32:
    case NumberType::kI32:
      return 4;
    case NumberType::kF16:
    case NumberType::kBF16:
    case NumberType::kI16:
      return 2;
    case NumberType::kI8:
      return 1;
  }
  return 1;
}

std::vector<float> ToFloats(NumberType type, std::span<const std::byte> bytes) {
  switch (type) {
    case NumberType::kF64:
      return CastAll<double>(bytes);
    case NumberType::kI64:
      return CastAll<int64_t>(bytes);
    case NumberType::kF32:
      return CastAll<float>(bytes);
    case NumberType::kF16:
      return ConvertAll<uint16_t>(bytes, [](uint16_t bits) { return ToFloat(Float16{bits}); });
    case NumberType::kBF16:
      return ConvertAll<uint16_t>(bytes, [](uint16_t bits) { return BFloat16ToFloat(bits); });
    case NumberType::kI32:
      return CastAll<int32_t>(bytes);
    case NumberType::kI16:
      return CastAll<int16_t>(bytes);
    case NumberType::kI8:
      return CastAll<int8_t>(bytes);
  }
  return {};
}

std::optional<uint64_t> NumElements(std::span<const int64_t> shape, uint64_t limit) {
  uint64_t count = 1;
  bool is_empty = false;
  for (const int64_t length : shape) {
    if (length < 0) return std::nullopt;
    if (length == 0) {
      is_empty = true;
      continue;
    }
    if (count > limit / static_cast<uint64_t>(length)) return std::nullopt;
    count *= static_cast<uint64_t>(length);
  }
  return is_empty ? 0 : count;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

Status CheckFinite(const std::string& name, std::span<const float> values) {
  const auto bad = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (bad == values.end()) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "tensor %s holds %g at element %zu: the checkpoint is damaged", name.c_str(),
                       static_cast<double>(*bad), static_cast<size_t>(bad - values.begin()));
}

}  // namespace earshot::checkpoint
