// Sparse Sinkhorn attention (Tay et al. 2020): buckets of keys in an order that the buckets themselves
// decide, and each bucket of queries beside its own keys sees those that the order puts in front of it.
#ifndef EARSHOT_MODELS_SINKHORN_GRAPH_ATTENTION_H_
#define EARSHOT_MODELS_SINKHORN_GRAPH_ATTENTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "models/blocks/layers.h"

namespace earshot::sinkhorn {

struct Config {
  int64_t vocabulary = 0, width = 0, max_length = 0, depth = 0, heads = 0, head_dim = 0, bucket = 0;
  int64_t choices = 0;  // buckets that each bucket of queries chooses
  int64_t shared = 0;   // SortCut: buckets that are chosen once for all queries; 0: each chooses for itself
  int64_t iterations = 0;  // of balancing rows and columns, where buckets are mixed
  double temperature = 1.0;
  bool is_causal = false;
  bool is_soft = false;         // mixes buckets by a balanced matrix instead of choosing
  bool has_simple_net = false;  // scores from a learned layer instead of products of means
  int64_t simple_net_cols = 0;  // buckets that it knows
  bool is_reversible = false, gates_ffn = false;

  int64_t inner() const { return heads * head_dim; }
  int64_t max_buckets() const { return max_length / bucket; }
  // Weights, or constants, for each pair of buckets.
  bool has_fixed_length() const { return is_causal || has_simple_net; }
  // Rows: of `factor` buckets for each bucket of the sequence, and `more`.
  ir::Dim Rows(int symbol, int64_t factor, int64_t more = 0) const {
    if (symbol == ir::kNone) return ir::Dim::Fixed(max_buckets() * factor + more);
    return {.symbol = symbol, .multiplier = factor, .addend = more, .divisor = 1};
  }
};

// What a method has beside tokens. Values of the method, or kNone.
struct Context {
  int buckets = ir::kNone;      // symbol; kNone where the length is fixed
  int mask = ir::kNone;         // [T, 1], 1 or 0
  std::vector<int> noise = {};  // of each layer [buckets, heads * buckets]
  // The package takes the sorted keys for the values too, except where it is causal or cuts short.
  bool repeats_keys = false;
};

// [T, width] -> [T, width]. The matrix that orders the buckets becomes an output "R<layer>", heads side by
// side; where the heads are in two halves, "R<layer>.plain" and "R<layer>.rolled".
int Attention(blocks::Layers& layers, const Config& config, const Context& context, const std::string& source,
              int64_t layer, int x);

}  // namespace earshot::sinkhorn

#endif  // EARSHOT_MODELS_SINKHORN_GRAPH_ATTENTION_H_
