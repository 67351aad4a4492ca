// Inputs for tests of attention.
#ifndef EARSHOT_TESTS_KERNELS_ATTENTION_TESTING_H_
#define EARSHOT_TESTS_KERNELS_ATTENTION_TESTING_H_

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "runtime/attention/attention.h"
#include "runtime/attention/attention_job.h"
#include "runtime/core/thread_pool.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot::testing {

inline float Widen(float x) { return x; }
inline float Widen(Float16 x) { return ToFloat(x); }
inline float Widen(int8_t x) { return x; }

// Inputs of one run. Rows are further apart than they are long; q, k, v end at inaccessible memory. Numbers
// lie in [-1, 1).
template <class T>
struct AttentionCase {
  AttentionCase(const AttentionShape& of_shape, int64_t num_queries, int64_t num_keys)
      : shape(of_shape),
        q(num_queries, shape.num_heads * shape.head_dim, shape.num_heads * shape.head_dim + 3),
        k(num_keys, shape.num_kv_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim + 1),
        v(num_keys, shape.num_kv_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim),
        k_scales(num_keys, shape.num_kv_heads, shape.num_kv_heads + 1),
        v_scales(num_keys, shape.num_kv_heads, shape.num_kv_heads),
        out(num_queries, shape.num_heads * shape.head_dim, shape.num_heads * shape.head_dim + 2) {
    Random random(static_cast<uint64_t>(num_queries * 1000 + num_keys));
    q.FillWith([&] { return random.Uniform(); });
    for (GuardedMatrix<T>* m : {&k, &v}) {
      for (int64_t i = 0; i < num_keys; ++i) random.Fill(m->row(i));
    }
    for (GuardedMatrix<float>* m : {&k_scales, &v_scales})
      m->FillWith([&] { return (random.Uniform() + 1.0f) / 256.0f; });
    out.FillWith([] { return -77.0f; });
  }

  AttentionOperands<T> operands() const {
    AttentionOperands<T> operands = {q.const_view(), k.const_view(), v.const_view(), out.view()};
    if constexpr (std::is_same_v<T, int8_t>) {
      operands.k_scales = k_scales.const_view();
      operands.v_scales = v_scales.const_view();
    }
    return operands;
  }
  AttentionParams params(const AttentionPattern* pattern) const { return {shape, scale, pattern}; }

  // What an element of K or V counts for.
  double k_scale(int64_t key, int64_t head) const { return ScaleAt(k_scales, key, head); }
  double v_scale(int64_t key, int64_t head) const { return ScaleAt(v_scales, key, head); }

  // Largest |q . k| * scale that these inputs can have.
  double max_score() const { return static_cast<double>(scale) * static_cast<double>(shape.head_dim); }

  AttentionShape shape;
  float scale = 0.25f;
  GuardedMatrix<float> q;
  GuardedMatrix<T> k;
  GuardedMatrix<T> v;
  GuardedMatrix<float> k_scales;  // for int8_t: at most 1 / 128, so that K and V stay below 1
  GuardedMatrix<float> v_scales;
  GuardedMatrix<float> out;

 private:
  static double ScaleAt(const GuardedMatrix<float>& scales, int64_t key, int64_t head) {
    return std::is_same_v<T, int8_t> ? double{scales.view().Row(key)[head]} : 1.0;
  }
};

// Runs Attend with exactly the workspace it asks for, in front of an inaccessible page.
template <class T>
void RunAttend(const AttentionParams& params, const AttentionOperands<T>& operands,
               const ThreadPool& pool = ThreadPool()) {
  const size_t size_bytes = AttentionWorkspaceBytes(params.shape, pool.num_threads());
  const GuardedPages workspace(size_bytes);
  std::memset(workspace.end() - size_bytes, 0xFF, size_bytes);  // NaN: what is not written must not be used
  Attend(params, operands, {workspace.end() - size_bytes, size_bytes}, pool);
}

// Rounding of a score: D products of at most scale each. The relative error of a weight is that of its score
// as an absolute one, plus that of exp2; a mean of values below 1 has the error of its weights, twice
// (numerator and sum).
inline double Tolerance(double max_score, int64_t head_dim) {
  const double epsilon = std::numeric_limits<float>::epsilon() / 2;
  const double score_error = epsilon * (std::sqrt(static_cast<double>(head_dim)) + 4.0) * (max_score + 1.0);
  return 2.0 * (score_error + 2e-7);
}

// What few queries of 8-bit keys are rounded to 15 bits add to it: half a level each of numbers below 1, D of
// them in a score, and 64 of them in a tile of weighted values.
inline double FewInt8Tolerance(const AttentionShape& shape, double scale) {
  const double dim = static_cast<double>(shape.head_dim);
  const double score_error =
      scale * std::sqrt(dim) * 0.5 / static_cast<double>(attention::FewQueryLevels(shape.head_dim));
  const double weight_error = std::sqrt(static_cast<double>(attention::kFewTileKeys)) * 0.5 /
                              static_cast<double>(attention::kFewLevels);
  return 2.0 * score_error + weight_error;
}

// Beside the rounding of scores and sums, that of a logarithm as large as the scores.
inline void CheckLogSums(const Matrix<float>& got, const Matrix<float>& expected, double tolerance) {
  constexpr double kEpsilon = std::numeric_limits<float>::epsilon();
  for (int64_t row = 0; row < got.rows; ++row) {
    for (int64_t head = 0; head < got.cols; ++head) {
      const double a = double{got.Row(row)[head]}, b = double{expected.Row(row)[head]};
      if (a == b) continue;  // of rows that see nothing, too: -inf
      if (!(std::abs(a - b) <= tolerance + 4.0 * kEpsilon * (std::abs(b) + 8.0)))
        FAIL("row " << row << " head " << head << ": " << a << " != " << b);
    }
  }
}

// Attend of the operands, whose output is that of the case, against AttendReference.
template <class T>
void CheckAgainstReference(const AttentionCase<T>& run, AttentionOperands<T> operands,
                           const AttentionPattern* pattern) {
  const int64_t rows = run.q.view().rows, cols = run.q.view().cols;
  GuardedMatrix<float> expected(rows, cols, cols);
  AttentionOperands<T> reference = operands;
  reference.out = expected.view();
  const int64_t heads = run.shape.num_heads;
  GuardedMatrix<float> log_sums(rows, heads, heads + 1), expected_log_sums(rows, heads, heads);
  reference.log_sums = expected_log_sums.view();
  operands.log_sums = log_sums.view();
  AttendReference(run.params(pattern), reference);
  RunAttend(run.params(pattern), operands);
  double tolerance = Tolerance(run.max_score(), run.shape.head_dim);
  if (std::is_same_v<T, int8_t> && rows <= attention::kMaxFewQueries)
    tolerance += FewInt8Tolerance(run.shape, static_cast<double>(run.scale));
  CheckLogSums(log_sums.view(), expected_log_sums.view(), tolerance);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const float got = run.out.view().Row(row)[col], want = expected.view().Row(row)[col];
      if (!(std::abs(double{got} - double{want}) <= tolerance))
        FAIL("row " << row << " col " << col << ": " << got << " != " << want);
    }
  }
  CHECK(run.out.GapsIntact());
}

inline AttentionShape Shape(int64_t heads, int64_t kv_heads, int64_t dim, int64_t queries, int64_t keys) {
  return {.num_heads = heads,
          .num_kv_heads = kv_heads,
          .head_dim = dim,
          .max_queries = queries,
          .max_keys = keys};
}

}  // namespace earshot::testing

#endif  // EARSHOT_TESTS_KERNELS_ATTENTION_TESTING_H_
