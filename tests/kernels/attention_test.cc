// Attend against AttendReference, and AttendReference against a plain masked softmax.
#include "runtime/attention/attention.h"

#include <pthreadpool.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "runtime/attention/attention_job.h"
#include "runtime/attention/patterns/window_pattern.h"
#include "tests/kernels/attention_testing.h"
#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/test_patterns.h"

namespace earshot {
namespace {

template <class T>
using Case = testing::AttentionCase<T>;
using testing::ForEachSimdTarget;
using testing::GuardedMatrix;
using testing::RunAttend;
using testing::Shape;
using testing::Widen;

template <class T>
void CheckAgainstReference(const Case<T>& run, const AttentionPattern* pattern) {
  testing::CheckAgainstReference(run, run.operands(), pattern);
}

void CheckAllTypes(const AttentionShape& shape, int64_t num_queries, int64_t num_keys,
                   const AttentionPattern* pattern) {
  INFO("Tq " << num_queries << " Tk " << num_keys << " H " << shape.num_heads << " Hkv " << shape.num_kv_heads
             << " D " << shape.head_dim);
  CheckAgainstReference(Case<float>(shape, num_queries, num_keys), pattern);
  CheckAgainstReference(Case<Float16>(shape, num_queries, num_keys), pattern);
  CheckAgainstReference(Case<int8_t>(shape, num_queries, num_keys), pattern);
}

TEST_CASE("attention equals its reference for all tails of queries and keys", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries :
         {1, 2, 3, 4, 5, 7, 12, 13, 16, 17, 31, 33, 47, 48, 49, 63, 95, 96, 97, 145}) {
      for (const int64_t keys : {1, 3, 5, 8, 63, 64, 65, 130})
        CheckAllTypes(Shape(1, 1, 16, queries, keys), queries, keys, nullptr);
    }
  });
}

TEST_CASE("attention equals its reference for any number of channels", "[quick]") {
  ForEachSimdTarget([] {
    for (int64_t dim = 1; dim <= 40; ++dim) {
      CheckAllTypes(Shape(2, 2, dim, 19, 70), 19, 70, nullptr);
      CheckAllTypes(Shape(2, 2, dim, 2, 70), 2, 70, nullptr);
    }
    for (const int64_t dim : {64, 80, 128, 200}) {
      CheckAllTypes(Shape(2, 2, dim, 50, 70), 50, 70, nullptr);
      CheckAllTypes(Shape(2, 2, dim, 1, 70), 1, 70, nullptr);
    }
  });
}

TEST_CASE("attention shares key heads among groups of query heads", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries : {1, 40}) {
      CheckAllTypes(Shape(6, 2, 36, queries, 50), queries, 50, nullptr);
      CheckAllTypes(Shape(4, 1, 20, queries, 50), queries, 50, nullptr);
    }
  });
}

TEST_CASE("causal attention with and without a past equals its reference", "[quick]") {
  const CausalPattern causal;
  ForEachSimdTarget([&] {
    for (const int64_t queries : {1, 2, 4, 6, 50, 100, 200}) {
      for (const int64_t past : {0, 1, 63, 90})
        CheckAllTypes(Shape(2, 1, 24, queries, queries + past), queries, queries + past, &causal);
    }
  });
}

TEST_CASE("a session made for many queries may run few, and fewer keys", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries : {1, 4, 5, 30})
      CheckAllTypes(Shape(2, 2, 40, 448, 448), queries, 33, nullptr);
  });
}

TEST_CASE("queries that see no key get zeros", "[quick]") {
  const CausalPattern causal;
  ForEachSimdTarget([&] {
    for (const int64_t queries : {3, 60, 200}) {
      const Case<float> run(Shape(1, 1, 20, queries, 1), queries, 1);  // only the last query sees the one key
      RunAttend(run.params(&causal), run.operands());
      for (int64_t row = 0; row + 1 < queries; ++row) {
        for (const float x : run.out.row(row)) REQUIRE(x == 0.0f);
      }
      CHECK(std::ranges::equal(run.out.row(queries - 1), run.v.row(0)));
      const Case<float> without_keys(Shape(1, 1, 20, queries, 1), queries, 0);
      RunAttend(without_keys.params(nullptr), without_keys.operands());
      for (int64_t row = 0; row < queries; ++row) {
        for (const float x : without_keys.out.row(row)) REQUIRE(x == 0.0f);
      }
    }
  });
}

// softmax over the keys that the pattern says a query sees, written down once more.
template <class T>
double PlainAttention(const Case<T>& run, const testing::TestPattern& pattern, int64_t head, int64_t query,
                      int64_t channel) {
  const int64_t dim = run.shape.head_dim;
  double sum = 0.0, mean = 0.0;
  for (int64_t key = 0; key < run.k.view().rows; ++key) {
    if (!pattern.Sees(head, query, key)) continue;
    double score = 0.0;
    for (int64_t d = head * dim; d < (head + 1) * dim; ++d)
      score += double{run.q.view().Row(query)[d]} * double{Widen(run.k.view().Row(key)[d])};
    score *= run.k_scale(key, head);
    const double weight = std::exp(score * double{run.scale});
    sum += weight;
    mean += weight * run.v_scale(key, head) * double{Widen(run.v.view().Row(key)[head * dim + channel])};
  }
  return sum > 0.0 ? mean / sum : 0.0;
}

template <class T>
void CheckPattern(const testing::TestPattern& pattern, int64_t num_heads, int64_t num_queries,
                  int64_t num_keys) {
  const AttentionShape shape = Shape(num_heads, num_heads, 12, num_queries, num_keys);
  const Case<T> run(shape, num_queries, num_keys);
  INFO("Tq " << num_queries << " Tk " << num_keys);
  AttendReference(run.params(&pattern), run.operands());
  for (int64_t head = 0; head < num_heads; ++head) {
    for (int64_t query = 0; query < num_queries; ++query) {
      const double got = run.out.view().Row(query)[head * 12 + 5];
      const double want = PlainAttention(run, pattern, head, query, 5);
      if (!(std::abs(got - want) <= 1e-6))
        FAIL("head " << head << " query " << query << ": " << got << " != " << want);
    }
  }
  ForEachSimdTarget([&] { CheckAgainstReference(run, &pattern); });
}

TEST_CASE("attention follows windows with strided keys", "[quick]") {
  for (const int64_t length : {3, 40, 150, 333}) {
    CheckPattern<float>(testing::LocalAndStrided(16, 8), 1, length, length);
    CheckPattern<Float16>(testing::LocalAndStrided(70, 16), 2, length, length);
    CheckPattern<int8_t>(testing::LocalAndStrided(70, 16), 2, length, length);
    CheckPattern<float>(testing::LocalAndStrided(0, 1000), 1, length, length);
  }
}

TEST_CASE("attention follows an order of queries and keys", "[quick]") {
  for (const int64_t length : {4, 50, 300}) {
    CheckPattern<float>(testing::CausalResidues(length, 7), 2, length, length);
    CheckPattern<Float16>(testing::CausalResidues(length, 3), 1, length, length);
  }
}

TEST_CASE("attention follows clusters", "[quick]") {
  for (const int64_t queries : {3, 20, 250}) {
    CheckPattern<float>(testing::Clusters(3, queries, 220, 9), 3, queries, 220);
    CheckPattern<Float16>(testing::Clusters(2, queries, 90, 3), 2, queries, 90);
    CheckPattern<int8_t>(testing::Clusters(2, queries, 90, 3), 2, queries, 90);
  }
}

TEST_CASE("attention follows overlapping bands", "[quick]") {
  for (const int64_t length : {2, 60, 230}) CheckPattern<float>(testing::Bands(13), 1, length, length);
}

TEST_CASE("attention follows a pattern that differs from head to head", "[quick]") {
  for (const int64_t length : {4, 150}) CheckPattern<float>(testing::MixedHeads(length), 4, length, length);
}

TEST_CASE("attention follows windows, global and strided keys", "[quick]") {
  for (const int64_t length : {3, 40, 150, 333}) {
    const WindowSpec all_parts = {
        .left = 20, .right = 30, .global = 9, .beyond = KeysBeyond::kStrided, .step = 7, .offset = 2};
    CheckPattern<float>(testing::PlainWindow(all_parts, length, length), 2, length, length);
    const WindowSpec causal = {.left = 40, .right = 0, .global = 4, .causal = true};
    CheckPattern<Float16>(testing::PlainWindow(causal, length, length + 50), 1, length, length + 50);
  }
}

// Rows of K and V are alike within the groups of pooled keys, so that nothing is lost by pooling them.
template <class T>
void MakeGroupsAlike(const Case<T>& run, int64_t pool_length) {
  const int64_t num_keys = run.k.view().rows;
  for (int64_t i = 0; i < attention::NumPooledKeys(num_keys, pool_length); ++i) {
    const attention::RowGroup group = attention::GroupOf(i, num_keys, pool_length);
    for (int64_t row = group.begin + 1; row < group.end; ++row) {
      std::ranges::copy(run.k.row(group.begin), run.k.row(row).begin());
      std::ranges::copy(run.v.row(group.begin), run.v.row(row).begin());
    }
  }
}

template <class T>
void CheckPooledAgainstFull(int64_t num_queries, int64_t num_keys, const WindowSpec& spec) {
  INFO("Tq " << num_queries << " Tk " << num_keys);
  AttentionShape shape = Shape(4, 2, 20, num_queries, num_keys);
  shape.min_pool_length = spec.step;
  const Case<T> run(shape, num_queries, num_keys);
  MakeGroupsAlike(run, spec.step);
  GuardedMatrix<float> expected(num_queries, 80, 80);
  AttentionOperands<T> full = run.operands();
  full.out = expected.view();
  AttendReference(run.params(nullptr), full);
  const WindowPattern pattern(spec);
  AttendReference(run.params(&pattern), run.operands());
  for (int64_t row = 0; row < num_queries; ++row) {
    for (size_t i = 0; i < 80; ++i) REQUIRE(std::abs(run.out.row(row)[i] - expected.row(row)[i]) <= 1e-6f);
  }
  ForEachSimdTarget([&] { CheckAgainstReference(run, &pattern); });
}

TEST_CASE("pooled keys stand for groups of equal keys without loss", "[quick]") {
  for (const int64_t queries : {1, 5, 40, 160}) {
    for (const int64_t keys : {8, 40, 160, 320}) {
      CheckPooledAgainstFull<float>(queries, keys,
                                    {.left = 10, .right = 10, .beyond = KeysBeyond::kPooled, .step = 8});
      CheckPooledAgainstFull<Float16>(queries, keys, {.global = 3, .beyond = KeysBeyond::kPooled, .step = 4});
    }
  }
}

TEST_CASE("attention follows pooled keys of groups that differ", "[quick]") {
  for (const int64_t length : {3, 40, 150, 333}) {
    AttentionShape shape = Shape(4, 2, 13, length, length);
    shape.min_pool_length = 4;
    const testing::PooledHeads heads;
    const Case<float> singles(shape, length, length);
    const Case<Float16> halves(shape, length, length);
    ForEachSimdTarget([&] {
      CheckAgainstReference(singles, &heads.mixed);
      CheckAgainstReference(halves, &heads.mixed);
    });
  }
}

TEST_CASE("large scores make attention pick a single value", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries : {2, 70}) {
      Case<float> run(Shape(1, 1, 32, queries, 100), queries, 100);
      run.scale = 1e4f;
      RunAttend(run.params(nullptr), run.operands());
      for (int64_t row = 0; row < queries; ++row) {
        int64_t best_key = 0;
        double best = -1e30, second = -1e30;
        for (int64_t key = 0; key < 100; ++key) {
          double score = 0.0;
          for (int64_t d = 0; d < 32; ++d)
            score += double{run.q.view().Row(row)[d]} * double{run.k.view().Row(key)[d]};
          if (score > best) best_key = key;
          second = std::max(second, std::min(best, score));
          best = std::max(best, score);
        }
        if ((best - second) * 1e4 < 120.0) continue;  // the runner-up has some weight
        CHECK(std::ranges::equal(run.out.row(row), run.v.row(best_key)));
      }
    }
  });
}

TEST_CASE("attention over thousands of keys loses no precision", "[quick]") {
  // The mean of values near 1 is near 1. Sums of at most 64 terms, added up tile by tile, are off by about
  // sqrt(64) + sqrt(3000 / 64) roundings of half an epsilon: 1e-6. One sum over 3,000 terms would be off by
  // sqrt(3000) of them or more.
  ForEachSimdTarget([] {
    for (const int64_t queries : {1, 20}) {
      const Case<float> run(Shape(1, 1, 64, queries, 3000), queries, 3000);
      for (int64_t i = 0; i < 3000; ++i) {
        for (float& x : run.v.row(i)) x = 1.0f + 0.1f * x;
      }
      GuardedMatrix<float> expected(queries, 64, 64);
      AttentionOperands<float> reference = run.operands();
      reference.out = expected.view();
      AttendReference(run.params(nullptr), reference);
      RunAttend(run.params(nullptr), run.operands());
      for (int64_t row = 0; row < queries; ++row) {
        for (size_t i = 0; i < 64; ++i)
          REQUIRE(std::abs(run.out.row(row)[i] - expected.row(row)[i]) <= 1e-6f);
      }
    }
  });
}

TEST_CASE("attention may write its output over the queries", "[quick]") {
  const testing::CausalResidues pattern(130, 4);
  ForEachSimdTarget([&] {
    for (const AttentionPattern* choice :
         {static_cast<const AttentionPattern*>(nullptr), static_cast<const AttentionPattern*>(&pattern)}) {
      const Case<float> run(Shape(3, 1, 20, 130, 130), 130, 130);
      RunAttend(run.params(choice), run.operands());
      AttentionOperands<float> in_place = run.operands();
      in_place.out = run.q.view();
      RunAttend(run.params(choice), in_place);
      for (int64_t row = 0; row < 130; ++row) REQUIRE(std::ranges::equal(run.q.row(row), run.out.row(row)));
    }
  });
}

// Keys, values and scales of each head one after the other, in front of an inaccessible page.
template <class T>
struct HeadsApart {
  explicit HeadsApart(const Case<T>& run)
      : k(run.k.const_view().rows * run.shape.num_kv_heads, run.shape.head_dim, run.shape.head_dim),
        v(run.v.const_view().rows * run.shape.num_kv_heads, run.shape.head_dim, run.shape.head_dim),
        k_scales(run.shape.num_kv_heads, run.k.const_view().rows, run.k.const_view().rows),
        v_scales(run.shape.num_kv_heads, run.k.const_view().rows, run.k.const_view().rows) {
    Move(run.k.const_view(), run.shape.head_dim, k.view().data);
    Move(run.v.const_view(), run.shape.head_dim, v.view().data);
    Move(run.k_scales.const_view(), 1, k_scales.view().data);
    Move(run.v_scales.const_view(), 1, v_scales.view().data);
  }

  AttentionOperands<T> operands(const Case<T>& run) const {
    AttentionOperands<T> apart = run.operands();
    const int64_t keys = apart.k.rows, dim = run.shape.head_dim;
    apart.k = {k.const_view().data, keys, apart.k.cols, dim};
    apart.v = {v.const_view().data, keys, apart.v.cols, dim};
    apart.head_stride = keys * dim;
    if (apart.k_scales.data == nullptr) return apart;
    apart.k_scales = {k_scales.const_view().data, keys, apart.k_scales.cols, 1};
    apart.v_scales = {v_scales.const_view().data, keys, apart.v_scales.cols, 1};
    apart.scale_head_stride = keys;
    return apart;
  }

  GuardedMatrix<T> k, v;
  GuardedMatrix<float> k_scales, v_scales;

 private:
  template <class E>
  static void Move(const Matrix<const E>& from, int64_t head_cols, E* to) {
    for (int64_t head = 0; head < from.cols / head_cols; ++head) {
      for (int64_t row = 0; row < from.rows; ++row, to += head_cols)
        std::copy_n(from.Row(row) + head * head_cols, head_cols, to);
    }
  }
};

template <class T>
void CheckHeadsApart(int64_t queries, int64_t keys) {
  const Case<T> together(Shape(6, 3, 20, queries, keys), queries, keys), run(together.shape, queries, keys);
  RunAttend(together.params(nullptr), together.operands());
  const HeadsApart<T> apart(run);
  RunAttend(run.params(nullptr), apart.operands(run));
  for (int64_t row = 0; row < queries; ++row)
    REQUIRE(std::ranges::equal(run.out.row(row), together.out.row(row)));
  testing::CheckAgainstReference(run, apart.operands(run), nullptr);
}

TEST_CASE("keys of a head may lie apart from those of the others", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t queries : {1, 3, 100}) {
      for (const int64_t keys : {1, 63, 130}) {
        CheckHeadsApart<float>(queries, keys);
        CheckHeadsApart<Float16>(queries, keys);
        CheckHeadsApart<int8_t>(queries, keys);
      }
    }
  });
}

// Each sequence as it would be alone, and as the reference says.
template <class T>
void CheckSideBySide(int64_t sequences, int64_t keys) {
  const Case<T> run(Shape(4, 2, 20, 1, sequences * keys), sequences, sequences * keys);
  AttentionParams params = run.params(nullptr);
  params.side_by_side = true;
  GuardedMatrix<float> expected(sequences, run.q.view().cols, run.q.view().cols);
  AttentionOperands<T> reference = run.operands();
  reference.out = expected.view();
  AttendReference(params, reference);
  RunAttend(params, run.operands());
  const double tolerance = testing::Tolerance(run.max_score(), run.shape.head_dim) +
                           testing::FewInt8Tolerance(run.shape, static_cast<double>(run.scale));
  for (int64_t row = 0; row < sequences; ++row) {
    GuardedMatrix<float> alone(1, run.q.view().cols, run.q.view().cols);
    AttentionOperands<T> one = run.operands();
    one.q = one.q.Rows(row, 1);
    one.k = one.k.Rows(row * keys, keys);
    one.v = one.v.Rows(row * keys, keys);
    if (one.k_scales.data != nullptr) {
      one.k_scales = one.k_scales.Rows(row * keys, keys);
      one.v_scales = one.v_scales.Rows(row * keys, keys);
    }
    one.out = alone.view();
    RunAttend(run.params(nullptr), one);
    REQUIRE(std::ranges::equal(run.out.row(row), alone.row(0)));
    for (int64_t col = 0; col < expected.view().cols; ++col) {
      const double difference = std::abs(double{run.out.row(row)[static_cast<size_t>(col)]} -
                                         double{expected.view().Row(row)[col]});
      if (!(difference <= tolerance)) FAIL("row " << row << " column " << col << ": " << difference);
    }
  }
}

TEST_CASE("sequences side by side see their own keys alone", "[quick]") {
  ForEachSimdTarget([] {
    for (const int64_t sequences : {1, 2, 9}) {
      for (const int64_t keys : {1, 64, 101}) {
        CheckSideBySide<float>(sequences, keys);
        CheckSideBySide<Float16>(sequences, keys);
        CheckSideBySide<int8_t>(sequences, keys);
      }
    }
  });
}

TEST_CASE("the result does not depend on the number of threads", "[quick]") {
  const std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> two(pthreadpool_create(2),
                                                                         &pthreadpool_destroy);
  const std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> three(pthreadpool_create(3),
                                                                           &pthreadpool_destroy);
  const CausalPattern causal;
  ForEachSimdTarget([&] {
    for (const int64_t queries : {1, 300}) {
      const Case<float> one_thread(Shape(6, 6, 36, queries, 300), queries, 300);
      RunAttend(one_thread.params(&causal), one_thread.operands());
      for (pthreadpool* pool : {two.get(), three.get()}) {
        const Case<float> run(Shape(6, 6, 36, queries, 300), queries, 300);
        RunAttend(run.params(&causal), run.operands(), ThreadPool(pool));
        for (int64_t row = 0; row < queries; ++row)
          REQUIRE(std::ranges::equal(run.out.row(row), one_thread.out.row(row)));
      }
    }
  });
}

TEST_CASE("the workspace grows with the threads and not with the length", "[quick]") {
  const AttentionShape encoder = Shape(6, 6, 64, 1500, 1500);
  CHECK(AttentionWorkspaceBytes(encoder, 4) == 4 * AttentionWorkspaceBytes(encoder, 1));
  CHECK(AttentionWorkspaceBytes(Shape(6, 6, 64, 3000, 3000), 1) == AttentionWorkspaceBytes(encoder, 1));
  CHECK(AttentionWorkspaceBytes(encoder, 1) <= 128 * 1024);
  CHECK(AttentionWorkspaceBytes(Shape(6, 6, 64, 1, 1500), 1) <= 5 * 1024);
}

}  // namespace
}  // namespace earshot
