// The architectures that checkpoints of published implementations can have, and who builds their graphs.
#ifndef EARSHOT_CONVERTER_IMPORT_ARCHITECTURES_H_
#define EARSHOT_CONVERTER_IMPORT_ARCHITECTURES_H_

#include <string>
#include <string_view>

#include "converter/ir/graph.h"
#include "converter/ir/reference_model.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

struct Architecture {
  std::string_view package;
  std::string_view class_begin;  // the class is known by how its name begins: what follows tells of options
  Result<ir::Graph> (*build)(ir::ReferenceModel& model);
};

// kUnsupported, with package and class. Static storage.
Result<const Architecture*> FindArchitecture(const std::string& package, const std::string& class_name);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_ARCHITECTURES_H_
