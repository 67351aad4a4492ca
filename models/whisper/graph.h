// Builds the graph of a Whisper model from its weights: the methods `encode` and `decode` of
// models/whisper/README.md. Naive and readable on purpose: q, k and v are separate, activations are ops of
// their own; the converter's passes fuse them.
#ifndef EARSHOT_MODELS_WHISPER_GRAPH_H_
#define EARSHOT_MODELS_WHISPER_GRAPH_H_

#include <map>
#include <string>

#include "converter/ir/graph.h"
#include "converter/ir/weight_source.h"
#include "models/whisper/config.h"
#include "runtime/core/status.h"

namespace earshot::whisper {

// What goes into the model file beside the network.
struct ModelCard {
  std::string name;
  std::map<std::string, std::string> metadata;  // BuildGraph adds "multilingual" and "num_languages"
  ir::Tokenizer tokenizer;
  ir::GenerationSettings generation;
};

// Takes every tensor of the network from `weights` under its Hugging Face name; a separate output projection
// must equal the token embedding. Weights stay f32; a matrix used twice (embedding and output projection) is
// one tensor. Errors: kInvalidModel or kUnsupported names the size, tensor or id that does not fit; those of
// WeightSource::Take.
Result<ir::Graph> BuildGraph(const Config& config, ir::WeightSource& weights, ModelCard card);

// kInvalidModel names the first size that no Whisper model can have.
Status CheckConfig(const Config& config);

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_GRAPH_H_
