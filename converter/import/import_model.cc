// Chooses the graph builder of a checkpoint's family.
#include "converter/import/import_model.h"

#include <utility>

#include "converter/import/huggingface_family.h"
#include "converter/import/reference_checkpoint.h"
#include "converter/import/unused_weights.h"
#include "models/whisper/graph.h"

namespace earshot::checkpoint {
Result<ir::Graph> ImportModel(const std::string& directory) {
  if (IsReferenceDirectory(directory)) {
    Result<ir::Graph> reference = ImportReferenceModel(directory, NameOf(directory));
    if (!reference.ok()) return reference.status().WithContext("\"%s\"", directory.c_str());
    return reference;
  }
  if (IsFamilyDirectory(directory)) {
    Result<ir::Graph> family = ImportFamily(directory, NameOf(directory));
    if (!family.ok()) return family.status().WithContext("\"%s\"", directory.c_str());
    return family;
  }
  EARSHOT_ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(directory));
  Result<ir::Graph> graph = BuildGraph(std::move(checkpoint));
  if (!graph.ok()) return graph.status().WithContext("\"%s\"", directory.c_str());
  return graph;
}

Result<ir::Graph> BuildGraph(Checkpoint checkpoint) {
  if (checkpoint.family != "whisper") {
    return Status::Error(StatusCode::kUnsupported, "there is no graph builder for the family \"%s\"",
                         checkpoint.family.c_str());
  }
  whisper::ModelCard card = {.name = std::move(checkpoint.name),
                             .metadata = std::move(checkpoint.metadata),
                             .tokenizer = std::move(checkpoint.tokenizer),
                             .generation = std::move(checkpoint.generation)};
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph,
                           whisper::BuildGraph(checkpoint.whisper, *checkpoint.weights, std::move(card)));
  EARSHOT_RETURN_IF_ERROR(CheckAllUsed(*checkpoint.weights));
  return graph;
}

}  // namespace earshot::checkpoint
