// Sums, conversions and dequantization: one rounding at most, so they must equal their scalar twins bit for
// bit.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/reference.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot {
namespace {

using testing::ForEachShape;
using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::Random;

uint32_t Bits(float x) { return std::bit_cast<uint32_t>(x); }
uint32_t Bits(Float16 x) { return x.bits; }

template <class T>
void CheckSame(const GuardedMatrix<T>& got, const GuardedMatrix<T>& want) {
  for (int64_t row = 0; row < want.view().rows; ++row) {
    for (int64_t col = 0; col < want.view().cols; ++col) {
      const uint32_t x = Bits(got.view().Row(row)[col]), y = Bits(want.view().Row(row)[col]);
      if (x != y)
        FAIL("row " << row << " col " << col << " of " << want.view().cols << ": bits " << x << " != " << y);
    }
  }
  CHECK(got.GapsIntact());
}

TEST_CASE("add equals its twin, with as many rows and with one", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t rows, int64_t stride, int64_t end_gap) {
      Random random(static_cast<uint64_t>(cols) + 17);
      GuardedMatrix<float> a(rows, cols, stride, end_gap), b(rows, cols, stride + 1), bias(1, cols, cols, 1);
      GuardedMatrix<float> out(rows, cols, stride, end_gap), expected(rows, cols, cols);
      for (GuardedMatrix<float>* m : {&a, &b, &bias}) m->FillWith([&] { return random.Uniform(); });
      for (const GuardedMatrix<float>* addend : {&b, &bias}) {
        kernels::Add(a.const_view(), addend->const_view(), out.view());
        kernels::reference::Add(a.const_view(), addend->const_view(), expected.view());
        CheckSame(out, expected);
      }
    });
  });
}

TEST_CASE("add may write over either operand", "[quick]") {
  ForEachSimdTarget([] {
    Random random(1);
    GuardedMatrix<float> a(2, 35, 36), b(2, 35, 36), expected(2, 35, 36);
    a.FillWith([&] { return random.Uniform(); });
    b.FillWith([&] { return random.Uniform(); });
    kernels::reference::Add(a.const_view(), b.const_view(), expected.view());
    kernels::Add(a.const_view(), b.const_view(), b.view());
    CheckSame(b, expected);
    kernels::reference::Add(a.const_view(), b.const_view(), expected.view());
    kernels::Add(a.const_view(), b.const_view(), a.view());
    CheckSame(a, expected);
  });
}

TEST_CASE("conversions equal their twins for all tails, strides and alignments", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t rows, int64_t stride, int64_t end_gap) {
      Random random(static_cast<uint64_t>(cols) + 23);
      GuardedMatrix<float> wide(rows, cols, stride, end_gap), widened(rows, cols, stride, end_gap),
          expected_wide(rows, cols, cols);
      GuardedMatrix<Float16> narrow(rows, cols, stride, end_gap), expected_narrow(rows, cols, cols);
      wide.FillWith([&] { return std::exp(12.0f * random.Uniform()) * random.Uniform(); });
      kernels::ConvertToF16(wide.const_view(), narrow.view());
      kernels::reference::ConvertToF16(wide.const_view(), expected_narrow.view());
      CheckSame(narrow, expected_narrow);
      kernels::ConvertToF32(narrow.const_view(), widened.view());
      kernels::reference::ConvertToF32(narrow.const_view(), expected_wide.view());
      CheckSame(widened, expected_wide);
    });
  });
}

TEST_CASE("every f16 number becomes the right f32 number and comes back", "[quick]") {
  GuardedMatrix<Float16> all(1, 65536, 65536), back(1, 65536, 65536);
  for (int64_t i = 0; i < 65536; ++i) all.view().data[i] = Float16{static_cast<uint16_t>(i)};
  GuardedMatrix<float> wide(1, 65536, 65536), expected(1, 65536, 65536);
  kernels::reference::ConvertToF32(all.const_view(), expected.view());
  ForEachSimdTarget([&] {
    kernels::ConvertToF32(all.const_view(), wide.view());
    kernels::ConvertToF16(wide.const_view(), back.view());
    for (int64_t i = 0; i < 65536; ++i) {
      const float got = wide.view().data[i], want = expected.view().data[i];
      if (std::isnan(want)) {  // the bits of a NaN may change
        if (!std::isnan(got) || !std::isnan(ToFloat(back.view().data[i])))
          FAIL("NaN " << i << " became " << got);
      } else if (Bits(got) != Bits(want) || back.view().data[i].bits != i) {
        FAIL("f16 bits " << i << " became " << got << ", expected " << want << ", and came back as "
                         << back.view().data[i].bits);
      }
    }
  });
}

TEST_CASE("f32 to f16 rounds to nearest even at every boundary", "[quick]") {
  // Around the midpoint of neighbouring f16 numbers: the midpoint itself and one f32 step on both sides.
  std::vector<float> in;
  for (uint32_t half = 0; half < 0x7C00; ++half) {
    const float low = ToFloat(Float16{static_cast<uint16_t>(half)});
    const float high = half == 0x7BFF ? 65536.0f : ToFloat(Float16{static_cast<uint16_t>(half + 1)});
    const float middle = (low + high) / 2.0f;
    for (const float x : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)}) {
      in.push_back(x);
      in.push_back(-x);
    }
  }
  const float infinity = std::numeric_limits<float>::infinity();
  in.insert(in.end(),
            {infinity, -infinity, 1e30f, -1e30f, 1e-30f, -1e-30f, std::numeric_limits<float>::denorm_min()});
  const int64_t count = static_cast<int64_t>(in.size());
  GuardedMatrix<Float16> out(1, count, count), expected(1, count, count);
  kernels::reference::ConvertToF16({in.data(), 1, count, count}, expected.view());
  ForEachSimdTarget([&] {
    kernels::ConvertToF16({in.data(), 1, count, count}, out.view());
    CheckSame(out, expected);
  });
}

TEST_CASE("groups of a row are rounded to 8 bits within half a step", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t group, int64_t rows, int64_t gap, int64_t end_gap) {
      if (group == 0) return;
      for (const int64_t num_groups : {1, 3}) {
        const int64_t cols = group * num_groups, stride = cols + gap - group;
        Random random(static_cast<uint64_t>(cols) + 31);
        GuardedMatrix<float> in(rows, cols, stride, end_gap);
        in.FillWith([&] { return std::exp(5.0f * random.Uniform()) * random.Uniform(); });
        GuardedMatrix<int8_t> out(rows, cols, stride, end_gap), expected(rows, cols, cols);
        GuardedMatrix<float> scales(rows, num_groups, num_groups + 1, end_gap),
            expected_scales(rows, num_groups, num_groups);
        kernels::QuantizeGroups(in.const_view(), {out.view(), scales.view(), group, 1});
        kernels::reference::QuantizeGroups(in.const_view(),
                                           {expected.view(), expected_scales.view(), group, 1});
        CheckSame(out, expected);
        CheckSame(scales, expected_scales);
        for (int64_t i = 0; i < rows * cols; ++i) {
          const float x = in.view().Row(i / cols)[i % cols];
          const float scale = scales.view().Row(i / cols)[i % cols / group];
          const float error = std::abs(x - scale * static_cast<float>(out.view().Row(i / cols)[i % cols]));
          if (!(error <= 0.5001f * scale))
            FAIL(x << " became a number " << error << " away, scale " << scale);
        }
      }
    });
  });
}

TEST_CASE("groups of a row may be written apart from each other", "[quick]") {
  constexpr int64_t kRows = 5, kGroup = 19, kGroups = 3, kCols = kGroup * kGroups;
  Random random(7);
  GuardedMatrix<float> in(kRows, kCols, kCols);
  in.FillWith([&] { return random.Uniform(); });
  ForEachSimdTarget([&] {
    GuardedMatrix<int8_t> together(kRows, kCols, kCols), apart(kRows * kGroups, kGroup, kGroup);
    GuardedMatrix<float> scales(kRows, kGroups, kGroups), apart_scales(kGroups, kRows, kRows);
    kernels::QuantizeGroups(in.const_view(), {together.view(), scales.view(), kGroup, 1});
    kernels::QuantizeGroups(in.const_view(), {.values = {apart.view().data, kRows, kCols, kGroup},
                                              .scales = {apart_scales.view().data, kRows, kGroups, 1},
                                              .group_stride = kRows * kGroup,
                                              .scale_stride = kRows});
    for (int64_t i = 0; i < kRows * kCols; ++i) {
      const int64_t row = i / kCols, group = i % kCols / kGroup, col = i % kGroup;
      REQUIRE(apart.view().Row(group * kRows + row)[col] == together.view().Row(row)[group * kGroup + col]);
      REQUIRE(apart_scales.view().Row(group)[row] == scales.view().Row(row)[group]);
    }
  });
}

TEST_CASE("a group of zeros is rounded to zeros, a single large number keeps its group's scale", "[quick]") {
  const std::vector<float> in = {0.0f, 0.0f, 0.0f, -254.0f, 1.0f, 1.01f};
  std::vector<int8_t> out(6);
  std::vector<float> scales(2);
  ForEachSimdTarget([&] {
    kernels::QuantizeGroups({in.data(), 1, 6, 6}, {{out.data(), 1, 6, 6}, {scales.data(), 1, 2, 2}, 3, 1});
    CHECK(out == std::vector<int8_t>{0, 0, 0, -127, 0, 1});  // 1 / 2 rounds to the even 0
    CHECK(scales[1] == 2.0f);
  });
}

TEST_CASE("int8 rows are dequantized exactly", "[quick]") {
  ForEachSimdTarget([] {
    ForEachShape([](int64_t cols, int64_t, int64_t, int64_t end_gap) {
      GuardedMatrix<int8_t> in(1, cols, cols, end_gap);
      int next = -128;
      in.FillWith([&] { return static_cast<int8_t>(next = next == 127 ? -128 : next + 1); });
      GuardedMatrix<float> out(1, cols, cols, end_gap), expected(1, cols, cols, end_gap);
      kernels::DequantizeI8(in.view().data, 0.0123f, out.row(0));
      kernels::reference::DequantizeI8(in.view().data, 0.0123f, expected.row(0));
      CheckSame(out, expected);
    });
  });
}

TEST_CASE("int4 blocks are dequantized exactly", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t num_blocks : {0, 1, 2, 3, 12, 48}) {
      Random random(static_cast<uint64_t>(num_blocks));
      GuardedMatrix<uint8_t> in(1, num_blocks * 16, num_blocks * 16);
      in.FillWith([&] { return static_cast<uint8_t>(random.Bits()); });
      GuardedMatrix<uint16_t> scales(1, num_blocks, num_blocks);
      scales.FillWith([&] { return FloatToBFloat16(random.Uniform()); });
      GuardedMatrix<float> out(1, num_blocks * 32, num_blocks * 32),
          expected(1, num_blocks * 32, num_blocks * 32);
      kernels::DequantizeI4(in.view().data, scales.view().data, out.row(0));
      kernels::reference::DequantizeI4(in.view().data, scales.view().data, expected.row(0));
      CheckSame(out, expected);
    }
  });
}

TEST_CASE("int4 has the low nibble first, as value plus 8", "[quick]") {
  std::vector<uint8_t> in(16, 0x88);
  in[0] = 0xF0;  // low nibble 0: -8, high nibble 15: 7
  const uint16_t scale = FloatToBFloat16(0.5f);
  std::vector<float> out(32, 1.0f);
  ForEachSimdTarget([&] {
    kernels::DequantizeI4(in.data(), &scale, out);
    CHECK(out[0] == -4.0f);
    CHECK(out[1] == 3.5f);
    CHECK(out[2] == 0.0f);
    CHECK(out[31] == 0.0f);
  });
}

}  // namespace
}  // namespace earshot
