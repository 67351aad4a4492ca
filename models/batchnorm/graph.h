// Convolutional chains with a batch norm in every position it can have: before, after and between layers,
// beside padding, nonlinearities and second readers.
#ifndef EARSHOT_MODELS_BATCHNORM_GRAPH_H_
#define EARSHOT_MODELS_BATCHNORM_GRAPH_H_

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::batchnorm {

// Methods `forward`: x -> out, and `steps`: x -> what each step of the chain puts out, so that most norms
// have two readers. Along time: x [T, cin]; of images: x [rows, cols] with one channel.
Result<ir::Graph> BuildChain1d(ir::ReferenceModel& model);
Result<ir::Graph> BuildChain2d(ir::ReferenceModel& model);

}  // namespace earshot::batchnorm

#endif  // EARSHOT_MODELS_BATCHNORM_GRAPH_H_
