// Attention with the product reordered: phi(Q) (phi(K)^T V) instead of softmax(Q K^T) V (Katharopoulos et al.
// 2020, "Transformers are RNNs"; Choromanski et al. 2021, "Performer"). Cost and memory grow with the length,
// not with its square. The causal form carries the sums of phi(k) v^T and phi(k) from step to step: a cache
// of constant size.
#ifndef EARSHOT_RUNTIME_ATTENTION_LINEAR_ATTENTION_H_
#define EARSHOT_RUNTIME_ATTENTION_LINEAR_ATTENTION_H_

#include <cstdint>

#include "runtime/core/matrix_view.h"
#include "runtime/core/thread_pool.h"

namespace earshot {

// How the sum of weights becomes a divisor; the numbers are those of fb::LinearNormalizer.
enum class LinearNormalizer : uint8_t {
  kAddEpsilon = 0,  // q . z + epsilon
  kKeyEpsilon = 1,  // q . (z + epsilon)
  kFloor = 2,       // max(q . z, epsilon)
  kNone = 3,        // 1
};

struct LinearAttentionParams {
  int64_t num_heads = 1;
  bool is_causal = false;
  LinearNormalizer normalizer = LinearNormalizer::kAddEpsilon;
  float epsilon = 0.0f;
  // Causal: queries of a block of this many rows see the blocks before it; 1: all rows up to their own.
  // Blocks begin with the first row of the operands.
  int64_t blindspot = 1;
};

// Letters: T queries, Tk keys, H heads of D features and E values. Borrows everything; out shares no memory
// with the rest.
struct LinearAttentionOperands {
  Matrix<const float> q;  // [T, H*D], feature maps already applied
  Matrix<const float> k;  // [Tk, H*D]; Tk = T if causal
  Matrix<const float> v;  // [Tk, H*E]
  Matrix<float> out;      // [T, H*E]
  // [H*D, E + 1], without gaps: sum of k v^T, and in the last column sum of k. Holds what came before;
  // updated.
  float* sums = nullptr;
};

// Makes the sums those of no keys.
void ClearSums(const LinearAttentionParams& params, const LinearAttentionOperands& operands);

// Adds the keys to the sums and attends: each query to all of them, or if causal to those up to its own row.
// A prefill and its rows one by one give the same numbers. Heads are spread over the threads.
void AttendLinear(const LinearAttentionParams& params, const LinearAttentionOperands& operands,
                  const ThreadPool& pool);

// The scalar twin: the same, for tests.
void AttendLinearReference(const LinearAttentionParams& params, const LinearAttentionOperands& operands,
                           const ThreadPool& pool);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_LINEAR_ATTENTION_H_
