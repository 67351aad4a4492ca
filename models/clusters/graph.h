// Attention of rows that belong together: ops compute which ones while the model runs (BucketSort, TopRows),
// ClusterAttention selects keys by it.
#ifndef EARSHOT_MODELS_CLUSTERS_GRAPH_H_
#define EARSHOT_MODELS_CLUSTERS_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::clusters {

// Reformer (Kitaev et al. 2020): queries that are keys too, hashed by the vertex of a cross-polytope that
// lies nearest after a random rotation. Rotations are inputs; their number of columns follows from the
// length, which is a multiple of two buckets. A method for each of the settings' modes, `mode<n>`: qk, v [T,
// d], rotation [d, hashes * buckets / 2] -> out [T, d], buckets [T, hashes]; and `mode<n>_masked` with a mask
// [T, 1].
Result<ir::Graph> BuildLshAttention(ir::ReferenceModel& model);

// Method `forward`: ids [T, 1], rot_call<n> for each layer -> logits, and of each layer the attention by
// hashes lsh_out<n> [T + memories, hashed heads * d], buckets<n> [T + memories, hashed heads * hashes].
Result<ir::Graph> BuildReformer(ir::ReferenceModel& model);

// Routing Transformer (Roy et al. 2021): each cluster takes the rows nearest to its centroid. Methods
// `forward`: ids [T, 1] -> logits, and of each layer kmeans_attn<n> [T, routed heads * d] and the assignments
// picked<n>, first of queries, then, where they are others, of keys; `masked`: with a mask [T, 1].
Result<ir::Graph> BuildRoutingTransformer(ir::ReferenceModel& model);

// Clustered attention (Vyas et al. 2020). The groups of queries are given. Methods `clustered`: q, k, v
// [T, H * E], groups [T, H] -> out, counts [clusters, H]; `improved`: with the keys that matter most to a
// cluster attended by each of its queries.
Result<ir::Graph> BuildClusteredAttention(ir::ReferenceModel& model);

}  // namespace earshot::clusters

#endif  // EARSHOT_MODELS_CLUSTERS_GRAPH_H_
