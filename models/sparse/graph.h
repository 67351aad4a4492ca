// Sparse attention layers by themselves: the patterns of Child et al. 2019 (Sparse Transformer) as three
// packages understand them. All are selections of keys of one attention op.
#ifndef EARSHOT_MODELS_SPARSE_GRAPH_H_
#define EARSHOT_MODELS_SPARSE_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::sparse {

// openai/sparse_attention. Methods q, k, v [T, D] -> out [T, D], all causal: `all`, `local` (the last ctx
// keys), `strided` (those at multiples of ctx), `local_or_strided` (both, one softmax), and `fixed_v<N>` (the
// own group of ctx keys, and of every group the columns that N heads in turn call their summary).
Result<ir::Graph> BuildOpenAi(ir::ReferenceModel& model);

// fairseq's SparseMultiheadAttention with its projections. Methods `causal` and `bidirectional`: x [T, D] ->
// out [T, D]; `causal.attend` and `bidirectional.attend`: the attention between the projections, q, k, v ->
// out.
Result<ir::Graph> BuildFairseq(ir::ReferenceModel& model);

// The layouts of DeepSpeed's sparsity configurations, for sequences as long as the example. Methods
// `config<N>` for each entry of the setting `configs`: q, k, v [T, H * D] -> out [T, H * D]. Layouts with
// random blocks are tensors of the checkpoint, `layout<N>` [H, blocks, blocks], not zero where keys are seen.
Result<ir::Graph> BuildDeepSpeed(ir::ReferenceModel& model);

}  // namespace earshot::sparse

#endif  // EARSHOT_MODELS_SPARSE_GRAPH_H_
