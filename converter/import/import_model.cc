// Chooses the graph builder of a checkpoint's family.
#include "converter/import/import_model.h"

#include <utility>
#include <vector>

#include "converter/import/reference_checkpoint.h"
#include "models/whisper/graph.h"

namespace earshot::checkpoint {
namespace {

Status CheckAllUsed(const ir::WeightSource& weights) {
  const std::vector<std::string> unused = weights.Unused();
  if (unused.empty()) return Status::Ok();
  std::string names;
  for (const std::string& name : unused) names += " " + name;
  return Status::Error(StatusCode::kUnsupported,
                       "the checkpoint has %zu tensors that this converter has no use for:%s", unused.size(),
                       names.c_str());
}

}  // namespace

Result<ir::Graph> ImportModel(const std::string& directory) {
  if (IsReferenceDirectory(directory)) {
    Result<ir::Graph> reference = ImportReferenceModel(directory, NameOf(directory));
    if (!reference.ok()) return reference.status().WithContext("\"%s\"", directory.c_str());
    return reference;
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
