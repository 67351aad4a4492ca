// What no graph builder asked for.
#ifndef EARSHOT_CONVERTER_IMPORT_UNUSED_WEIGHTS_H_
#define EARSHOT_CONVERTER_IMPORT_UNUSED_WEIGHTS_H_

#include "converter/ir/weight_source.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// kUnsupported names the tensors that were never taken.
Status CheckAllUsed(const ir::WeightSource& weights);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_UNUSED_WEIGHTS_H_
