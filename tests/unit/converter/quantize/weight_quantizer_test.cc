// Encoding of single matrices: exact vectors, error bounds, degenerate rows.
#include "converter/quantize/weight_quantizer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "runtime/core/float16.h"

namespace earshot::quantize {
namespace {

ir::Tensor MakeTensor(int64_t rows, int64_t cols, std::vector<float> values) {
  ir::Tensor tensor;
  tensor.name = "t";
  tensor.rows = rows;
  tensor.cols = cols;
  tensor.values = std::move(values);
  return tensor;
}

std::vector<float> NormalNumbers(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& number : numbers) number = normal(random);
  return numbers;
}

template <class T>
std::vector<T> As(const std::vector<std::byte>& bytes) {
  std::vector<T> numbers(bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

// Reads int4 data as model.fbs describes it, sharing nothing with the code under test.
std::vector<float> DecodeInt4ByHand(const ir::Tensor& tensor) {
  std::vector<float> values;
  const auto scales = As<uint16_t>(tensor.scales);
  for (size_t i = 0; i < tensor.data.size() * 2; ++i) {
    const auto byte = static_cast<unsigned>(tensor.data[i / 2]);
    const int q = static_cast<int>(i % 2 == 0 ? byte & 15u : byte >> 4) - 8;
    const uint32_t scale_bits = uint32_t{scales[i / 32]} << 16;
    float scale;
    std::memcpy(&scale, &scale_bits, sizeof(scale));
    values.push_back(static_cast<float>(q) * scale);
  }
  return values;
}

double SquaredError(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a[i] - b[i]) * static_cast<double>(a[i] - b[i]);
  }
  return sum;
}

}  // namespace

TEST_CASE("int8 rounds to the nearest multiple of the row's scale") {
  // Scale 1 in the first row, 0.5 in the second: ties go to the even neighbour.
  ir::Tensor tensor = MakeTensor(2, 6,
                                 {127.0f, -64.0f, 0.4f, 0.6f, 2.5f, -3.5f,  //
                                  -63.5f, 0.2f, 0.3f, 10.0f, 0.75f, 0.0f});
  EncodeTensor(tensor, DType::kI8);
  CHECK(tensor.dtype == DType::kI8);
  CHECK(tensor.values.empty());
  CHECK(As<float>(tensor.scales) == std::vector<float>{1.0f, 0.5f});
  CHECK(As<int8_t>(tensor.data) == std::vector<int8_t>{127, -64, 0, 1, 2, -4, -127, 0, 1, 20, 2, 0});
  CHECK(DecodeTensor(tensor) == std::vector<float>{127.0f, -64.0f, 0.0f, 1.0f, 2.0f, -4.0f,  //
                                                   -63.5f, 0.0f, 0.5f, 10.0f, 1.0f, 0.0f});
}

TEST_CASE("int8 is never further off than half a step, whatever the magnitude of a row") {
  constexpr size_t kRows = 8, kCols = 96;
  std::vector<float> values = NormalNumbers(kRows * kCols, 1);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] *= std::pow(10.0f, static_cast<float>(i / kCols) * 4.0f - 16.0f);
  }
  ir::Tensor tensor = MakeTensor(kRows, kCols, values);
  EncodeTensor(tensor, DType::kI8);
  const auto scales = As<float>(tensor.scales);
  const auto decoded = DecodeTensor(tensor);
  for (size_t i = 0; i < values.size(); ++i) {
    // Half a step, and a few roundings of numbers up to 127 steps (2^-24 each) on the way.
    CHECK(std::abs(values[i] - decoded[i]) <= scales[i / kCols] * (0.5f + 127.0f * 4.0f * 0x1p-24f));
  }
}

TEST_CASE("int4 packs two numbers a byte, low nibble first, plus 8") {
  // -8 .. 7 twice, times a quarter: one scale of 0.25 holds all of them exactly.
  std::vector<float> values;
  for (int i = 0; i < 32; ++i) values.push_back(static_cast<float>(i % 16 - 8) * 0.25f);
  ir::Tensor tensor = MakeTensor(1, 32, values);
  EncodeTensor(tensor, DType::kI4);
  CHECK(As<uint16_t>(tensor.scales) == std::vector<uint16_t>{FloatToBFloat16(0.25f)});
  std::vector<uint8_t> expected;
  for (unsigned i = 0; i < 16; ++i) {
    expected.push_back(static_cast<uint8_t>((2 * i % 16) | ((2 * i + 1) % 16) << 4));
  }
  CHECK(As<uint8_t>(tensor.data) == expected);
  CHECK(DecodeTensor(tensor) == values);
}

TEST_CASE("int4 decodes as the file format says") {
  ir::Tensor tensor = MakeTensor(6, 64, NormalNumbers(6 * 64, 2));
  EncodeTensor(tensor, DType::kI4);
  CHECK(tensor.data.size() == 6 * 32);
  CHECK(tensor.scales.size() == 6 * 2 * sizeof(uint16_t));
  CHECK(DecodeTensor(tensor) == DecodeInt4ByHand(tensor));
}

TEST_CASE("int4 keeps every number within half a step of the nearest level, and beats plain rounding") {
  constexpr size_t kBlocks = 200;
  const std::vector<float> values = NormalNumbers(kBlocks * 32, 3);
  ir::Tensor tensor = MakeTensor(kBlocks, 32, values);
  EncodeTensor(tensor, DType::kI4);
  const auto decoded = DecodeInt4ByHand(tensor);
  const auto scales = As<uint16_t>(tensor.scales);

  std::vector<float> plain;  // scale = largest magnitude / 7, without a search
  for (size_t block = 0; block < kBlocks; ++block) {
    const float scale = BFloat16ToFloat(scales[block]);
    float largest = 0.0f;
    for (size_t i = block * 32; i < block * 32 + 32; ++i) {
      const float clipped = std::clamp(values[i], -8.0f * scale, 7.0f * scale);
      CHECK(std::abs(clipped - decoded[i]) <= scale * 0.50001f);
      largest = std::max(largest, std::abs(values[i]));
    }
    const float plain_scale = BFloat16ToFloat(FloatToBFloat16(largest / 7.0f));
    for (size_t i = block * 32; i < block * 32 + 32; ++i) {
      plain.push_back(std::clamp(std::nearbyint(values[i] / plain_scale), -8.0f, 7.0f) * plain_scale);
    }
  }
  // 0.9 dB on Whisper's matrices, which are nearly normal; 0.5 dB is left as the bound here.
  CHECK(10.0 * std::log10(SquaredError(values, plain) / SquaredError(values, decoded)) > 0.5);
}

TEST_CASE("rows and blocks of zeros or of vanishing numbers get a normal scale and decode to zero") {
  for (const float tiny : {0.0f, 1e-40f, -1e-36f}) {
    for (const DType dtype : {DType::kI8, DType::kI4}) {
      ir::Tensor tensor = MakeTensor(2, 32, std::vector<float>(64, tiny));
      EncodeTensor(tensor, dtype);
      const auto decoded = DecodeTensor(tensor);
      CHECK(std::ranges::all_of(decoded, [](float value) { return value == 0.0f; }));
      const float scale =
          dtype == DType::kI8 ? As<float>(tensor.scales)[1] : BFloat16ToFloat(As<uint16_t>(tensor.scales)[1]);
      CHECK(std::isnormal(scale));
      CHECK(scale > 0.0f);
    }
  }
}

TEST_CASE("f16 and f32 keep what they can represent") {
  const std::vector<float> values = {1.0f, -0.333251953125f, 65504.0f, 0x1p-24f, 0.0f, 2.0f};
  for (const DType dtype : {DType::kF16, DType::kF32}) {
    ir::Tensor tensor = MakeTensor(2, 3, values);
    EncodeTensor(tensor, dtype);
    CHECK(tensor.scales.empty());
    CHECK(DecodeTensor(tensor) == values);
  }
  ir::Tensor tensor =
      MakeTensor(1, 1, {1.0f + 0x1p-11f + 0x1p-20f});  // just above the middle of two neighbours
  EncodeTensor(tensor, DType::kF16);
  CHECK(DecodeTensor(tensor) == std::vector<float>{1.0f + 0x1p-10f});
}

TEST_CASE("errors are measured as defined") {
  const std::vector<float> original = {3.0f, -4.0f, 0.0f, 0.0f};
  const std::vector<float> decoded = {3.0f, -4.5f, 0.0f, 0.0f};
  const QuantizationError error = MeasureError(original, decoded);
  CHECK(error.max_error == 0.5f);
  CHECK(error.rms_error == 0.25);  // sqrt(0.25 / 4)
  CHECK(error.signal_rms == 2.5);  // sqrt(25 / 4)
  CHECK(error.snr_db() == 20.0);   // a factor of ten
  CHECK(std::isinf(MeasureError(original, original).snr_db()));
}

}  // namespace earshot::quantize
