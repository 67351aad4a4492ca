// AttendInt8 against AttendInt8Reference, and that against AttendReference.
#include "runtime/attention/attention_int8.h"

#include <pthreadpool.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/attention/patterns/window_pattern.h"
#include "runtime/kernels/kernels.h"
#include "tests/kernels/attention_testing.h"
#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/test_patterns.h"

namespace earshot {
namespace {

template <class T>
using Case = testing::AttentionCase<T>;
using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::GuardedPages;
using testing::Shape;
using testing::Widen;

constexpr int64_t kTileKeys = 64;

// Runs AttendInt8 with exactly the workspace it asks for, in front of an inaccessible page.
template <class T>
void RunAttend(const AttentionParams& params, const AttentionOperands<T>& operands,
               const ThreadPool& pool = ThreadPool()) {
  const size_t size_bytes = Int8AttentionWorkspaceBytes(params.shape, pool.num_threads());
  const GuardedPages workspace(size_bytes);
  std::memset(workspace.end() - size_bytes, 0xFF, size_bytes);  // NaN: what is not written must not be used
  AttendInt8(params, operands, {workspace.end() - size_bytes, size_bytes}, pool);
}

// SSE has no fused multiply-add.
MultiplyAddRounding RoundingOfTarget() {
  const bool is_sse = std::string(kernels::SimdTargetName()).starts_with("SSE");
  return is_sse ? MultiplyAddRounding::kTwice : MultiplyAddRounding::kOnce;
}

// Rounded inputs, weights and products are the same on both sides; what differs is the rounding of sums. The
// sum of the weights of a tile and its share have relative errors of sqrt(64) roundings, of the error of exp2
// and of the rounding of the scores' difference; every tile adds such errors once more. Values minus their
// mean are below 2, and the error counts for the numerator and for the sum.
template <class T>
double Tolerance(const Case<T>& run, int64_t num_ranges = 1) {
  const double epsilon = std::numeric_limits<float>::epsilon() / 2;
  const double num_tiles = static_cast<double>((run.k.view().rows + kTileKeys - 1) / kTileKeys + num_ranges);
  const double share_error = 2e-7 + epsilon * (1.5 * run.max_score() + 4.0);
  return 2.0 * 2.0 * (num_tiles * share_error + epsilon * std::sqrt(double{kTileKeys}));
}

template <class T>
void CheckClose(const Case<T>& run, const Matrix<float>& expected, double tolerance) {
  for (int64_t row = 0; row < expected.rows; ++row) {
    for (int64_t col = 0; col < expected.cols; ++col) {
      const float got = run.out.view().Row(row)[col], want = expected.Row(row)[col];
      if (!(std::abs(double{got} - double{want}) <= tolerance))
        FAIL("row " << row << " col " << col << ": " << got << " != " << want << " +- " << tolerance);
    }
  }
  CHECK(run.out.GapsIntact());
}

template <class T>
void CheckAgainstReference(const Case<T>& run, const AttentionPattern* pattern, double tolerance) {
  const int64_t rows = run.q.view().rows, cols = run.q.view().cols;
  const GuardedMatrix<float> expected(rows, cols, cols);
  AttentionOperands<T> reference = run.operands();
  reference.out = expected.view();
  AttendInt8Reference(run.params(pattern), reference, RoundingOfTarget());
  RunAttend(run.params(pattern), run.operands());
  CheckClose(run, expected.view(), tolerance);
}

void CheckBothTypes(const AttentionShape& shape, int64_t num_queries, int64_t num_keys,
                    const AttentionPattern* pattern) {
  INFO("Tq " << num_queries << " Tk " << num_keys << " H " << shape.num_heads << " Hkv " << shape.num_kv_heads
             << " D " << shape.head_dim);
  const Case<float> singles(shape, num_queries, num_keys);
  CheckAgainstReference(singles, pattern, Tolerance(singles));
  const Case<Float16> halves(shape, num_queries, num_keys);
  CheckAgainstReference(halves, pattern, Tolerance(halves));
}

TEST_CASE("8-bit attention equals its reference for all tails of queries and keys", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries : {1, 2, 5, 12, 13, 16, 17, 31, 33, 47, 48, 49, 95, 96, 97, 145}) {
      for (const int64_t keys : {1, 2, 3, 5, 8, 63, 64, 65, 130})
        CheckBothTypes(Shape(1, 1, 16, queries, keys), queries, keys, nullptr);
    }
  });
}

TEST_CASE("8-bit attention equals its reference for any number of channels", "[quick]") {
  ForEachSimdTarget([] {
    for (int64_t dim = 1; dim <= 36; ++dim) CheckBothTypes(Shape(2, 2, dim, 19, 70), 19, 70, nullptr);
    for (const int64_t dim : {64, 80, 128, 200}) CheckBothTypes(Shape(2, 2, dim, 50, 70), 50, 70, nullptr);
    for (const int64_t dim : {49, 60, 64}) CheckBothTypes(Shape(2, 1, dim, 200, 200), 200, 200, nullptr);
  });
}

TEST_CASE("8-bit attention shares key heads among groups of query heads", "[quick]") {
  ForEachSimdTarget([] {
    CheckBothTypes(Shape(6, 2, 36, 40, 50), 40, 50, nullptr);
    CheckBothTypes(Shape(4, 1, 20, 40, 50), 40, 50, nullptr);
  });
}

TEST_CASE("8-bit causal attention with and without a past equals its reference", "[quick]") {
  const CausalPattern causal;
  ForEachSimdTarget([&] {
    for (const int64_t queries : {1, 2, 50, 100, 200}) {
      for (const int64_t past : {0, 1, 63, 90})
        CheckBothTypes(Shape(2, 1, 24, queries, queries + past), queries, queries + past, &causal);
    }
  });
}

TEST_CASE("8-bit attention made for many queries may run few, and fewer keys", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries : {1, 4, 30}) CheckBothTypes(Shape(2, 2, 40, 448, 448), queries, 33, nullptr);
  });
}

TEST_CASE("8-bit attention gives zeros to queries that see no key", "[quick]") {
  const CausalPattern causal;
  ForEachSimdTarget([&] {
    for (const int64_t queries : {3, 60, 200}) {
      const Case<float> run(Shape(1, 1, 20, queries, 1), queries, 1);  // only the last query sees the one key
      RunAttend(run.params(&causal), run.operands());
      for (int64_t row = 0; row + 1 < queries; ++row) {
        for (const float x : run.out.row(row)) REQUIRE(x == 0.0f);
      }
      CHECK(std::ranges::equal(run.out.row(queries - 1), run.v.row(0)));  // the mean of one value
      const Case<float> without_keys(Shape(1, 1, 20, queries, 1), queries, 0);
      RunAttend(without_keys.params(nullptr), without_keys.operands());
      for (int64_t row = 0; row < queries; ++row) {
        for (const float x : without_keys.out.row(row)) REQUIRE(x == 0.0f);
      }
    }
  });
}

template <class T>
void CheckPattern(const testing::TestPattern& pattern, int64_t num_heads, int64_t num_queries,
                  int64_t num_keys, int64_t num_ranges) {
  // 64 channels are a tile where the CPU multiplies tiles of matrices.
  for (const int64_t dim : {12, 64}) {
    const Case<T> run(Shape(num_heads, num_heads, dim, num_queries, num_keys), num_queries, num_keys);
    INFO("Tq " << num_queries << " Tk " << num_keys << " D " << dim);
    ForEachSimdTarget([&] { CheckAgainstReference(run, &pattern, Tolerance(run, num_ranges)); });
  }
}

TEST_CASE("8-bit attention follows every pattern", "[quick]") {
  for (const int64_t length : {3, 40, 150, 333}) {
    CheckPattern<float>(testing::LocalAndStrided(16, 8), 1, length, length, 3);
    CheckPattern<Float16>(testing::LocalAndStrided(70, 16), 2, length, length, 3);
    CheckPattern<float>(testing::LocalAndStrided(0, 1000), 1, length, length, 3);
  }
  for (const int64_t length : {4, 50, 300}) {
    CheckPattern<float>(testing::CausalResidues(length, 7), 2, length, length, 1);
    CheckPattern<Float16>(testing::CausalResidues(length, 3), 1, length, length, 1);
  }
  for (const int64_t queries : {3, 20, 250}) {
    CheckPattern<float>(testing::Clusters(3, queries, 220, 9), 3, queries, 220, 9);
    CheckPattern<Float16>(testing::Clusters(2, queries, 90, 3), 2, queries, 90, 3);
  }
  for (const int64_t length : {2, 60, 230}) {
    CheckPattern<float>(testing::Bands(13), 1, length, length, length / 13 + 1);
    CheckPattern<float>(testing::MixedHeads(length), 4, length, length, 2);
  }
}

TEST_CASE("8-bit attention follows windows, global, strided and pooled keys", "[quick]") {
  const WindowSpec strided = {
      .left = 20, .right = 30, .global = 9, .beyond = KeysBeyond::kStrided, .step = 7, .offset = 2};
  for (const int64_t length : {3, 40, 150, 333}) {
    CheckPattern<float>(testing::PlainWindow(strided, length, length), 2, length, length, 5);
    AttentionShape shape = Shape(4, 2, 13, length, length);
    shape.min_pool_length = 4;
    const testing::PooledHeads heads;
    const Case<float> singles(shape, length, length);
    const Case<Float16> halves(shape, length, length);
    ForEachSimdTarget([&] {
      CheckAgainstReference(singles, &heads.mixed, Tolerance(singles, 5));
      CheckAgainstReference(halves, &heads.mixed, Tolerance(halves, 5));
    });
  }
}

std::vector<int64_t> SeenKeys(const Case<float>& run, int64_t query, const testing::TestPattern* pattern) {
  std::vector<int64_t> keys;
  for (int64_t key = 0; key < run.k.view().rows; ++key) {
    if (pattern == nullptr || pattern->Sees(0, query, key)) keys.push_back(key);
  }
  return keys;
}

// What rounding does to the output of one query, as a standard deviation. A number rounded with step s is off
// by s / sqrt(12). q . k inherits the errors of both sides; a weight that of its score as a relative one, and
// its own rounding; the mean of the values the errors of weights (times values) and of values (times
// weights). Errors are independent, as inputs are random.
double PredictedDeviation(const Case<float>& run, int64_t query, int64_t channel,
                          const testing::TestPattern* pattern = nullptr) {
  const int64_t dim = run.shape.head_dim;
  const auto row_max = [](std::span<const float> row) {
    float largest = 0.0f;
    for (const float x : row) largest = std::max(largest, std::abs(x));
    return double{largest};
  };
  const double step = 1.0 / (127.0 * std::sqrt(12.0));
  const double scale = double{run.scale};
  const double q_error = row_max(run.q.row(query)) * step;
  std::vector<double> weights, score_variances;
  double largest = 0.0, sum = 0.0, mean = 0.0, value_max = 0.0;
  const std::vector<int64_t> keys = SeenKeys(run, query, pattern);
  for (const int64_t key : keys) {
    const double k_error = row_max(run.k.row(key)) * step;
    double score = 0.0, variance = 0.0;
    for (size_t d = 0; d < static_cast<size_t>(dim); ++d) {
      const double q = double{run.q.row(query)[d]}, k = double{run.k.row(key)[d]};
      score += scale * q * k;
      variance += scale * scale * (q * q * k_error * k_error + k * k * q_error * q_error);
    }
    weights.push_back(std::exp(score));
    score_variances.push_back(variance);
    sum += weights.back();
    largest = std::max(largest, weights.back());
    const double value = double{run.v.row(key)[static_cast<size_t>(channel)]};
    mean += weights.back() * value;
    value_max = std::max(value_max, std::abs(value));
  }
  mean /= sum;
  double variance = 0.0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double value = double{run.v.row(keys[i])[static_cast<size_t>(channel)]};
    const double weight_step = largest / 255.0 / std::sqrt(12.0);
    variance += weights[i] * weights[i] * score_variances[i] * (value - mean) * (value - mean);
    variance += weight_step * weight_step * value * value;
    variance += weights[i] * weights[i] * value_max * value_max * step * step;
  }
  return std::sqrt(variance) / sum;
}

// A pattern's answers are tested above against the same pattern; that rounding leaves the right keys, here.
TEST_CASE("8-bit attention sees the keys that attention sees", "[quick]") {
  const testing::LocalAndStrided pattern(16, 8);
  const Case<float> run(Shape(1, 1, 12, 150, 150), 150, 150);
  const GuardedMatrix<float> expected(150, 12, 12);
  AttentionOperands<float> reference = run.operands();
  reference.out = expected.view();
  AttendReference(run.params(&pattern), reference);
  AttendInt8Reference(run.params(&pattern), run.operands(), MultiplyAddRounding::kOnce);
  for (int64_t row = 0; row < 150; ++row) {
    for (int64_t col = 0; col < 12; ++col) {
      const double error = double{run.out.view().Row(row)[col]} - double{expected.view().Row(row)[col]};
      REQUIRE(std::abs(error) <= 6.0 * PredictedDeviation(run, row, col, &pattern));
    }
  }
}

TEST_CASE("8-bit attention differs from attention by the rounding of its inputs", "[quick]") {
  const Case<float> run(Shape(1, 1, 64, 40, 300), 40, 300);
  const GuardedMatrix<float> expected(40, 64, 64);
  AttentionOperands<float> reference = run.operands();
  reference.out = expected.view();
  AttendReference(run.params(nullptr), reference);
  AttendInt8Reference(run.params(nullptr), run.operands(), MultiplyAddRounding::kOnce);
  double squares = 0.0;
  for (int64_t row = 0; row < 40; ++row) {
    for (int64_t col = 0; col < 64; ++col) {
      const double error = double{run.out.view().Row(row)[col]} - double{expected.view().Row(row)[col]};
      const double ratio = error / PredictedDeviation(run, row, col);
      REQUIRE(std::abs(ratio) <= 6.0);  // one in 5e8 of a normal distribution
      squares += ratio * ratio;
    }
  }
  // The errors of one query row share the rounding of q, so there are some 40 independent ones at least, and
  // their mean square is 1 +- sqrt(2 / 40) = 1 +- 0.22; three times that. The prediction takes the largest
  // weight of all tiles, not of each, so it may be too large.
  CHECK(squares / (40 * 64) <= 1.7);
  CHECK(squares / (40 * 64) >= 0.3);
}

// The largest softmax weight of a query.
double LargestWeight(const Case<float>& run, int64_t query) {
  double largest = 0.0, sum = 0.0;
  for (int64_t key = 0; key < run.k.view().rows; ++key) {
    double score = 0.0;
    for (size_t d = 0; d < static_cast<size_t>(run.shape.head_dim); ++d)
      score += double{run.scale} * double{run.q.row(query)[d]} * double{run.k.row(key)[d]};
    largest = std::max(largest, std::exp(score));
    sum += std::exp(score);
  }
  return largest / sum;
}

TEST_CASE("8-bit attention does not see a shift of all keys, and its mean follows that of the values",
          "[quick]") {
  ForEachSimdTarget([] {
    const Case<float> plain(Shape(1, 1, 32, 50, 200), 50, 200);
    const Case<float> shifted(Shape(1, 1, 32, 50, 200), 50, 200);
    for (int64_t i = 0; i < 200; ++i) {
      for (float& x : shifted.k.row(i)) x += 64.0f;
      for (float& x : shifted.v.row(i)) x += 64.0f;
    }
    RunAttend(plain.params(nullptr), plain.operands());
    RunAttend(shifted.params(nullptr), shifted.operands());
    // Inputs near 64 are off by up to 2^-18, their mean over 200 by about as much again, in steps of about
    // 2/127 = 2^-6: one number in 2^10 is rounded to another integer, of the 200 values of a channel and the
    // 32 channels of a key hardly more than one. Five such steps of the values with the largest weight, and
    // the shift's own rounding, are the bound.
    for (int64_t row = 0; row < 50; ++row) {
      const double tolerance = 5.0 * 2.0 / 127.0 * LargestWeight(plain, row) + 2.0 * 0x1p-17;
      for (size_t i = 0; i < 32; ++i) {
        const double got = double{shifted.out.row(row)[i]} - 64.0, want = double{plain.out.row(row)[i]};
        REQUIRE(std::abs(got - want) <= tolerance);
      }
    }
  });
}

TEST_CASE("8-bit attention with large scores picks a single value", "[quick]") {
  ForEachSimdTarget([] {
    Case<float> run(Shape(1, 1, 32, 70, 100), 70, 100);
    run.scale = 1e6f;  // all weights are 0 or 1, which no rounding of a sum changes
    CheckAgainstReference(run, nullptr, 1e-6);
    for (float& x : run.q.row(3)) x = 0.0f;  // no score at all: the mean of the values
    for (float& x : run.k.row(5)) x = 0.0f;
    CheckAgainstReference(run, nullptr, 1e-6);
  });
}

TEST_CASE("8-bit attention may write its output over the queries", "[quick]") {
  const testing::CausalResidues pattern(130, 4);
  ForEachSimdTarget([&] {
    const Case<float> run(Shape(3, 1, 20, 130, 130), 130, 130);
    RunAttend(run.params(&pattern), run.operands());
    AttentionOperands<float> in_place = run.operands();
    in_place.out = run.q.view();
    RunAttend(run.params(&pattern), in_place);
    for (int64_t row = 0; row < 130; ++row) REQUIRE(std::ranges::equal(run.q.row(row), run.out.row(row)));
  });
}

TEST_CASE("8-bit attention does not depend on the number of threads", "[quick]") {
  const CausalPattern causal;
  ForEachSimdTarget([&] {
    const Case<float> one_thread(Shape(6, 3, 36, 300, 300), 300, 300);
    RunAttend(one_thread.params(&causal), one_thread.operands());
    for (const size_t num_threads : {size_t{2}, size_t{3}}) {
      const std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> pool(pthreadpool_create(num_threads),
                                                                              &pthreadpool_destroy);
      const Case<float> run(Shape(6, 3, 36, 300, 300), 300, 300);
      RunAttend(run.params(&causal), run.operands(), ThreadPool(pool.get()));
      for (int64_t row = 0; row < 300; ++row)
        REQUIRE(std::ranges::equal(run.out.row(row), one_thread.out.row(row)));
    }
  });
}

TEST_CASE("the workspace of 8-bit attention holds K and V in bytes once, and tiles for each thread",
          "[quick]") {
  const AttentionShape encoder = Shape(6, 6, 64, 1500, 1500);
  const size_t one = Int8AttentionWorkspaceBytes(encoder, 1), two = Int8AttentionWorkspaceBytes(encoder, 2);
  CHECK(two - one <= 128 * 1024);
  const size_t keys_bytes = 2 * one - two;
  const size_t elements = 6 * 1500 * 64;
  CHECK(keys_bytes >= 2 * elements);
  CHECK(keys_bytes <= 2 * elements + 6 * (1500 * 8 + 8 * 64 * 4 + 256));
}

}  // namespace
}  // namespace earshot
