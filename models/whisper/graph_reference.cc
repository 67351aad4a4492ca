// Settings by the names that transformers gives them.
#include "models/whisper/graph_reference.h"

#include "models/whisper/config.h"
#include "models/whisper/graph.h"

namespace earshot::whisper {

Result<ir::Graph> BuildReference(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const Config config = {.num_mels = settings.IntegerOr("num_mel_bins", 80),
                         .vocab_size = settings.Integer("vocab_size"),
                         .width = settings.Integer("d_model"),
                         .encoder_layers = settings.Integer("encoder_layers"),
                         .encoder_heads = settings.Integer("encoder_attention_heads"),
                         .encoder_ffn_width = settings.Integer("encoder_ffn_dim"),
                         .decoder_layers = settings.Integer("decoder_layers"),
                         .decoder_heads = settings.Integer("decoder_attention_heads"),
                         .decoder_ffn_width = settings.Integer("decoder_ffn_dim"),
                         .max_audio_frames = settings.IntegerOr("max_source_positions", 1500),
                         .max_text_tokens = settings.IntegerOr("max_target_positions", 448)};
  settings.Require("activation_function", "gelu", "only GELU is built");
  settings.Ignore({"scale_embedding"});  // which the implementation ignores too
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  EARSHOT_ASSIGN_OR_RETURN(ir::Graph graph, BuildGraph(config, model.weights, {.name = model.name}));
  graph.loops = {
      {.name = "incremental", .driver = "stepwise", .methods = {"encode", "decode"}, .settings = {}},
      {.name = "full", .driver = "prefixes", .methods = {"encode", "decode"}, .settings = {}},
      {.name = "greedy",
       .driver = "greedy",
       .methods = {"encode", "decode"},
       .settings = {{"start", 1}, {"max_tokens", static_cast<double>(config.max_text_tokens)}}}};
  return graph;
}

}  // namespace earshot::whisper
