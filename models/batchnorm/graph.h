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

// Standardization. Methods `zero_mean_unit_var`: wav [samples, 1], and `utterance_cmvn`: feat [frames, D] ->
// an output of the same name and shape, by the statistics of the input itself; `observe`: feat ->
// running_mean, running_var [1, D], the means over all utterances so far; `standardize`: feat, running_mean,
// running_var -> standardized. Loop `running`: observe over the utterances that lie one below the other in
// feat, each of as many rows as the setting `rows` and `prefill` says.
Result<ir::Graph> BuildStandardize(ir::ReferenceModel& model);

}  // namespace earshot::batchnorm

#endif  // EARSHOT_MODELS_BATCHNORM_GRAPH_H_
