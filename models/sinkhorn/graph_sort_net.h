// From queries and keys to the matrix that orders or mixes buckets.
#ifndef EARSHOT_MODELS_SINKHORN_GRAPH_SORT_NET_H_
#define EARSHOT_MODELS_SINKHORN_GRAPH_SORT_NET_H_

#include <cstdint>
#include <string>

#include "models/blocks/layers.h"
#include "models/sinkhorn/graph_attention.h"

namespace earshot::sinkhorn {

// Heads first_head .. first_head + num_heads - 1, side by side in both.
struct HeadKeys {
  int64_t first_head = 0, num_heads = 0;
  int q = ir::kNone;
  int k = ir::kNone;
};

// Weights [rows, heads * buckets] for MixBlocks over the buckets of k. `noise`: kNone, or added to the
// logarithms of soft weights. Rows: `choices` for each bucket, or `shared` in all.
int SortBuckets(blocks::Layers& layers, const Config& config, const std::string& source,
                const HeadKeys& heads, int noise);

// The same where nothing may look ahead: over `choices` buckets of null keys, then those of k; a bucket
// chooses among the null buckets and those that end before it begins.
int SortPastBuckets(blocks::Layers& layers, const Config& config, const std::string& source,
                    const HeadKeys& heads);

}  // namespace earshot::sinkhorn

#endif  // EARSHOT_MODELS_SINKHORN_GRAPH_SORT_NET_H_
