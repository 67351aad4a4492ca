// Inputs for tests of attention.
#ifndef EARSHOT_TESTS_KERNELS_ATTENTION_TESTING_H_
#define EARSHOT_TESTS_KERNELS_ATTENTION_TESTING_H_

#include <cstdint>

#include "runtime/attention/attention.h"
#include "tests/kernels/kernel_testing.h"

namespace earshot::testing {

inline float Widen(float x) { return x; }
inline float Widen(Float16 x) { return ToFloat(x); }

// Inputs of one run. Rows are further apart than they are long; q, k, v end at inaccessible memory. Numbers
// lie in [-1, 1).
template <class T>
struct AttentionCase {
  AttentionCase(const AttentionShape& of_shape, int64_t num_queries, int64_t num_keys)
      : shape(of_shape),
        q(num_queries, shape.num_heads * shape.head_dim, shape.num_heads * shape.head_dim + 3),
        k(num_keys, shape.num_kv_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim + 1),
        v(num_keys, shape.num_kv_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim),
        out(num_queries, shape.num_heads * shape.head_dim, shape.num_heads * shape.head_dim + 2) {
    Random random(static_cast<uint64_t>(num_queries * 1000 + num_keys));
    q.FillWith([&] { return random.Uniform(); });
    for (GuardedMatrix<T>* m : {&k, &v}) {
      for (int64_t i = 0; i < num_keys; ++i) random.Fill(m->row(i));
    }
    out.FillWith([] { return -77.0f; });
  }

  AttentionOperands<T> operands() const {
    return {q.const_view(), k.const_view(), v.const_view(), out.view()};
  }
  AttentionParams params(const AttentionPattern* pattern) const { return {shape, scale, pattern}; }

  // Largest |q . k| * scale that these inputs can have.
  double max_score() const { return static_cast<double>(scale) * static_cast<double>(shape.head_dim); }

  AttentionShape shape;
  float scale = 0.25f;
  GuardedMatrix<float> q;
  GuardedMatrix<T> k;
  GuardedMatrix<T> v;
  GuardedMatrix<float> out;
};

inline AttentionShape Shape(int64_t heads, int64_t kv_heads, int64_t dim, int64_t queries, int64_t keys) {
  return {.num_heads = heads,
          .num_kv_heads = kv_heads,
          .head_dim = dim,
          .max_queries = queries,
          .max_keys = keys};
}

}  // namespace earshot::testing

#endif  // EARSHOT_TESTS_KERNELS_ATTENTION_TESTING_H_
