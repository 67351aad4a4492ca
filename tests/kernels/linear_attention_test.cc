// Linear attention on every SIMD target against its scalar twin.
#include "runtime/attention/linear_attention.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/kernels/kernel_testing.h"

namespace earshot::testing {
namespace {

struct Lengths {
  int64_t rows, features, values;  // of one head
};

// Features in [0, 1), as those of all feature maps that have a divisor; values in [-1, 1).
struct Case {
  Case(const LinearAttentionParams& of_params, const Lengths& of_lengths)
      : params(of_params),
        lengths(of_lengths),
        q(Features()),
        k(Features()),
        v(lengths.rows, params.num_heads * lengths.values, params.num_heads * lengths.values + 1),
        sums(params.num_heads * lengths.features, lengths.values + 1, lengths.values + 1) {
    Random random(static_cast<uint64_t>(lengths.rows * 1000 + lengths.features * 10 + lengths.values));
    for (GuardedMatrix<float>* m : {&q, &k}) m->FillWith([&] { return (random.Uniform() + 1.0f) / 2.0f; });
    v.FillWith([&] { return random.Uniform(); });
    // What earlier rows left: as many as these, so that the sums stay comparable.
    sums.FillWith([&] { return (random.Uniform() + 1.0f) / 2.0f * static_cast<float>(lengths.rows); });
  }

  GuardedMatrix<float> Features() const {
    return {lengths.rows, params.num_heads * lengths.features, params.num_heads * lengths.features + 3};
  }
  int64_t out_cols() const { return params.num_heads * lengths.values; }

  // Attends rows [begin, end).
  template <class Function>
  void Run(const Function& attend, int64_t begin, int64_t end, const GuardedMatrix<float>& out,
           std::vector<float>& state) const {
    const int64_t count = end - begin;
    attend(params,
           {.q = q.const_view().Rows(begin, count),
            .k = k.const_view().Rows(begin, count),
            .v = v.const_view().Rows(begin, count),
            .out = out.view().Rows(begin, count),
            .sums = state.data()},
           ThreadPool());
  }
  std::vector<float> State() const {
    const auto view = sums.const_view();
    return {view.data, view.data + view.rows * view.cols};
  }

  // Sums of up to 2 rows terms below 1 are wrong by that many roundings of their size, and so is their
  // product with the features; with positive features and divisors the quotient has both relative errors.
  double Tolerance() const {
    const double terms = static_cast<double>(3 * lengths.rows + lengths.features);
    return 4.0 * terms * static_cast<double>(std::numeric_limits<float>::epsilon());
  }

  LinearAttentionParams params;
  Lengths lengths;
  GuardedMatrix<float> q, k, v, sums;
};

void CheckClose(const GuardedMatrix<float>& got, const GuardedMatrix<float>& expected, double tolerance) {
  const auto a = got.view(), b = expected.view();
  for (int64_t row = 0; row < a.rows; ++row) {
    for (int64_t col = 0; col < a.cols; ++col) {
      const double want = double{b.Row(row)[col]};
      if (!(std::abs(double{a.Row(row)[col]} - want) <= tolerance * std::max(1.0, std::abs(want))))
        FAIL("row " << row << " col " << col << ": " << a.Row(row)[col] << " != " << want);
    }
  }
  CHECK(got.GapsIntact());
}

void CheckAgainstReference(const LinearAttentionParams& params, const Lengths& lengths) {
  const Case run(params, lengths);
  // Without a divisor the results are as large as the sums of products.
  const bool has_divisor = params.normalizer != LinearNormalizer::kNone;
  const double scale = has_divisor ? 1.0 : static_cast<double>(2 * lengths.rows * lengths.features);
  GuardedMatrix<float> out(lengths.rows, run.out_cols(), run.out_cols() + 2);
  GuardedMatrix<float> expected(lengths.rows, run.out_cols(), run.out_cols());
  std::vector<float> state = run.State(), expected_state = run.State();
  run.Run(AttendLinearReference, 0, lengths.rows, expected, expected_state);
  run.Run(AttendLinear, 0, lengths.rows, out, state);
  CheckClose(out, expected, run.Tolerance() * scale);
  for (size_t i = 0; i < state.size(); ++i) {
    const double bound = run.Tolerance() * static_cast<double>(2 * lengths.rows + 1);
    if (!(std::abs(double{state[i]} - double{expected_state[i]}) <= bound))
      FAIL("sum " << i << ": " << state[i] << " != " << expected_state[i]);
  }
}

TEST_CASE("linear attention agrees with its scalar twin, for all lengths of rows") {
  const LinearNormalizer normalizer = GENERATE(LinearNormalizer::kAddEpsilon, LinearNormalizer::kKeyEpsilon,
                                               LinearNormalizer::kFloor, LinearNormalizer::kNone);
  ForEachSimdTarget([&] {
    for (const bool is_causal : {false, true}) {
      for (int64_t values = 1; values <= 4 * kMaxLanes + kMaxTailCols;
           values += values < kMaxTailCols ? 1 : 7) {
        CheckAgainstReference(
            {.num_heads = 2, .is_causal = is_causal, .normalizer = normalizer, .epsilon = 1e-3f},
            {.rows = 7, .features = 1 + values % 9, .values = values});
      }
    }
  });
}

TEST_CASE("linear attention with blocks that see only the blocks before them") {
  ForEachSimdTarget([&] {
    for (const int64_t blindspot : {2, 5, 64}) {
      CheckAgainstReference({.num_heads = 3, .is_causal = true, .epsilon = 1e-3f, .blindspot = blindspot},
                            {.rows = 23, .features = 16, .values = 20});
    }
  });
}

TEST_CASE("a prefill and its rows one by one give the same numbers") {
  const LinearAttentionParams params = {.num_heads = 2, .is_causal = true, .epsilon = 1e-3f};
  ForEachSimdTarget([&] {
    const Case run(params, {.rows = 19, .features = 13, .values = 37});
    GuardedMatrix<float> whole(19, run.out_cols(), run.out_cols()),
        single(19, run.out_cols(), run.out_cols());
    std::vector<float> whole_state = run.State(), single_state = run.State();
    run.Run(AttendLinear, 0, 19, whole, whole_state);
    for (int64_t row = 0; row < 19; ++row) run.Run(AttendLinear, row, row + 1, single, single_state);
    CheckClose(single, whole, 0.0);
    CHECK(single_state == whole_state);
  });
}

}  // namespace
}  // namespace earshot::testing
