// Reads the description and hands over to the architecture's graph builder.
#include "converter/import/reference_checkpoint.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "converter/import/architectures.h"
#include "converter/import/checkpoint_file.h"
#include "converter/import/huggingface.h"
#include "converter/import/json.h"
#include "converter/import/unused_weights.h"
#include "converter/ir/reference_model.h"

namespace earshot::checkpoint {
namespace {

constexpr const char kConfig[] = "config.json";

class NoWeights final : public ir::WeightSource {
 public:
  bool Has(const std::string&) const override { return false; }
  std::vector<int64_t> ShapeOf(const std::string&) const override { return {}; }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>&) override {
    return Status::Error(StatusCode::kNotFound, "there is no model.safetensors with the tensor %s",
                         name.c_str());
  }
  void Drop(const std::string&) override {}
  std::vector<std::string> Unused() const override { return {}; }
};

std::string TextOf(const Json& object, const char* key) {
  const Json* value = Find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

// {name: [type, length, ...]}.
std::map<std::string, std::vector<int64_t>> ExampleShapes(const Json& config) {
  std::map<std::string, std::vector<int64_t>> shapes;
  const Json* inputs = Find(config, "inputs");
  if (inputs == nullptr || !inputs->is_object()) return shapes;
  for (const auto& [name, description] : inputs->items()) {
    if (!description.is_array()) continue;
    std::vector<int64_t>& shape = shapes[name];
    for (const Json& length : description) {
      if (const auto number = ToInteger(length)) shape.push_back(*number);
    }
  }
  return shapes;
}

// The tokens in the order of their ids, where the checkpoint names them.
Result<std::vector<std::string>> Vocabulary(const Json& config) {
  std::vector<std::string> pieces;
  const Json* vocabulary = Find(config, "vocabulary");
  if (vocabulary == nullptr) return pieces;
  const bool is_list =
      vocabulary->is_array() && std::ranges::all_of(*vocabulary, [](const Json& x) { return x.is_string(); });
  if (!is_list)
    return Status::Error(StatusCode::kInvalidModel, "%s: \"vocabulary\" is no list of texts", kConfig);
  for (const Json& piece : *vocabulary) pieces.push_back(piece.get<std::string>());
  return pieces;
}

}  // namespace

bool IsReferenceDirectory(const std::string& directory) {
  if (!HasFile(directory, kConfig)) return false;
  const Result<Json> config = ReadJsonObject(PathIn(directory, kConfig));
  return config.ok() && Find(config.value(), "reference") != nullptr &&
         Find(config.value(), "hparams") != nullptr;
}

Result<ir::Graph> ImportReferenceModel(const std::string& directory, const std::string& name) {
  EARSHOT_ASSIGN_OR_RETURN(const Json config, ReadJsonObject(PathIn(directory, kConfig)));
  const Json* reference = Find(config, "reference");
  if (reference == nullptr || !reference->is_object())
    return Status::Error(StatusCode::kInvalidModel, "%s: \"reference\" is no object", kConfig);
  EARSHOT_ASSIGN_OR_RETURN(const Architecture* architecture,
                           FindArchitecture(TextOf(*reference, "package"), TextOf(*reference, "class")));
  std::unique_ptr<ir::WeightSource> weights = std::make_unique<NoWeights>();
  if (IsHuggingFaceDirectory(directory)) {
    EARSHOT_ASSIGN_OR_RETURN(weights, OpenSafetensorsWeights(directory));
  }
  const Json* hparams = Find(config, "hparams");
  ir::HyperParameters settings(hparams == nullptr ? Json::object() : *hparams, "hparams");
  ir::ReferenceModel model = {.name = name,
                              .architecture = TextOf(*reference, "class"),
                              .settings = settings,
                              .example_shapes = ExampleShapes(config),
                              .weights = *weights};
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph, architecture->build(model));
  EARSHOT_RETURN_IF_ERROR(CheckAllUsed(*weights));
  EARSHOT_ASSIGN_OR_RETURN(graph.tokenizer.pieces, Vocabulary(config));
  graph.metadata["source"] =
      TextOf(*reference, "package") + " " + TextOf(*reference, "version") + ", " + model.architecture;
  return graph;
}

}  // namespace earshot::checkpoint
