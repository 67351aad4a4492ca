// Whisper as a network alone: from the settings of a reference checkpoint, without features, tokenizer or
// suppression.
#ifndef EARSHOT_MODELS_WHISPER_GRAPH_REFERENCE_H_
#define EARSHOT_MODELS_WHISPER_GRAPH_REFERENCE_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// The methods of BuildGraph, and loops over them: `incremental` (one token at a time), `full` (each token
// from a pass over all before it), `greedy`.
Result<ir::Graph> BuildReference(ir::ReferenceModel& model);

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_GRAPH_REFERENCE_H_
