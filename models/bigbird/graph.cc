// The table lists a block as often as it counts: the package concatenates its selections.
#include "models/bigbird/graph.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "models/blocks/bert.h"
#include "models/blocks/key_selection.h"
#include "models/blocks/layers.h"

namespace earshot::bigbird {
namespace {

using blocks::Layers;
using ir::Dim;

struct Config {
  blocks::BertSize bert;
  int64_t layers = 0, heads = 0;
  int64_t block = 0, num_blocks = 0, num_random = 0;
  bool has_projection_bias = true;

  // Fewer blocks than this, and the selections would overlap.
  bool is_sparse() const { return num_blocks > 5 + 2 * num_random; }
};

enum class Selection { kRandomBlocks, kFirstBlock, kAll };

// Blocks of keys that the queries of a block see, but for the random ones.
std::vector<int64_t> RegularBlocks(int64_t row, int64_t num_blocks) {
  std::vector<int64_t> blocks;
  for (int64_t block = 0; block < num_blocks; ++block) {
    const bool is_edge = row == 0 || row == num_blocks - 1 || block == 0 || block == num_blocks - 1;
    if (is_edge || std::abs(block - row) <= 1) blocks.push_back(block);
  }
  return blocks;
}

// `random`: for each row but the first and the last the blocks drawn, or empty: the first block instead.
ir::HeadPattern Pattern(const Config& config, const float* random) {
  ir::KeySelection selection = {
      .kind = ir::SelectionKind::kBlocks, .step = config.block, .block_begins = {0}};
  for (int64_t row = 0; row < config.num_blocks; ++row) {
    std::vector<int64_t> blocks = RegularBlocks(row, config.num_blocks);
    const bool draws = row > 0 && row < config.num_blocks - 1;
    for (int64_t i = 0; draws && i < config.num_random; ++i) {
      const int64_t drawn =
          random == nullptr ? 0 : static_cast<int64_t>(random[(row - 1) * config.num_random + i]);
      blocks.push_back(std::clamp<int64_t>(drawn, 0, config.num_blocks - 1));
    }
    std::ranges::sort(blocks);
    selection.blocks.insert(selection.blocks.end(), blocks.begin(), blocks.end());
    selection.block_begins.push_back(static_cast<int64_t>(selection.blocks.size()));
  }
  return {.selections = {std::move(selection)}};
}

// One pattern for each head, or one for all.
std::vector<ir::HeadPattern> Patterns(const Config& config, const std::vector<float>& random) {
  if (random.empty()) return {Pattern(config, nullptr)};
  std::vector<ir::HeadPattern> patterns;
  const int64_t head_size = (config.num_blocks - 2) * config.num_random;
  for (int64_t head = 0; head < config.heads; ++head)
    patterns.push_back(Pattern(config, random.data() + head * head_size));
  return patterns;
}

using LayerPatterns = std::vector<std::vector<ir::HeadPattern>>;  // of a layer, none for full attention

Status BuildMethod(blocks::Weights& weights, const Config& config, const std::string& name,
                   const LayerPatterns& patterns) {
  ir::MethodBuilder method(weights.graph(), name);
  Layers layers(weights, method);
  const blocks::BertSize& bert = config.bert;
  const Dim length = Dim::Of(method.AddSymbol("length", config.num_blocks * config.block));
  const int ids =
      method.AddInput({.name = "input_ids", .dtype = DType::kI32, .rows = length, .cols = Dim::Fixed(1)});
  const blocks::Bias bias = config.has_projection_bias ? blocks::Bias::kPresent : blocks::Bias::kNone;
  int x = blocks::BertEmbedding(layers, bert, ids);
  std::vector<int> hidden = {x};
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string source = "encoder.layer." + std::to_string(layer);
    const std::string attention = source + ".attention.self.";
    std::vector<int> inputs;
    for (const char* part : {"query", "key", "value"})
      inputs.push_back(layers.Linear(attention + part, x, bert.width, bias));
    ir::Attention op = blocks::AttendTo(
        {.heads = config.heads, .kv_heads = config.heads, .head_dim = bert.width / config.heads},
        patterns[static_cast<size_t>(layer)]);
    if (op.heads.empty()) op.pattern = ir::PatternKind::kFull;
    x = blocks::BertLayer(layers, bert, source, x, method.Apply(attention + "attend", op, inputs));
    hidden.push_back(x);
  }
  EARSHOT_RETURN_IF_ERROR(layers.status());
  for (size_t i = 0; i < hidden.size(); ++i) method.MakeOutput(hidden[i], "hidden" + std::to_string(i));
  return std::move(method).Finish();
}

Result<Config> ReadConfig(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  Config config = {.bert = {.vocabulary = settings.Integer("vocab_size"),
                            .width = settings.Integer("hidden_size"),
                            .ffn = settings.Integer("intermediate_size"),
                            .positions = settings.Integer("max_position_embeddings"),
                            .epsilon = static_cast<float>(settings.NumberOr("layer_norm_eps", 1e-12))},
                   .layers = settings.Integer("num_hidden_layers", {1, 1024}),
                   .heads = settings.Integer("num_attention_heads"),
                   .block = settings.IntegerOr("block_size", 64),
                   .num_random = settings.IntegerOr("num_random_blocks", 3, {0, 1024}),
                   .has_projection_bias = settings.FlagOr("use_bias", true)};
  const int64_t padded = settings.IntegerOr("padded_length", config.bert.positions);
  config.num_blocks = padded / config.block;
  const std::vector<int64_t> types = model.weights.ShapeOf("embeddings.token_type_embeddings.weight");
  config.bert.types = types.empty() ? 1 : types[0];
  if (settings.FlagOr("rescale_embeddings", false))
    config.bert.embedding_scale = std::sqrt(static_cast<double>(config.bert.width));
  settings.Require("type_vocab_size", config.bert.types, "the checkpoint has another number of types");
  settings.Require("attention_type", "block_sparse", "only block-sparse attention is built");
  settings.Ignore({"pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "hidden_dropout_prob",
                   "attention_probs_dropout_prob", "initializer_range"});
  EARSHOT_ASSIGN_OR_RETURN(config.bert.activation,
                           blocks::ActivationNamed(settings.TextOr("hidden_act", "gelu_new")));
  EARSHOT_RETURN_IF_ERROR(settings.Finish());
  const bool fits = config.num_blocks >= 1 && padded % config.block == 0 && padded <= config.bert.positions;
  if (fits && config.bert.width % config.heads == 0) return config;
  return Status::Error(StatusCode::kInvalidModel,
                       "%lld tokens in blocks of %lld, or %lld channels in %lld heads, do not fit the model",
                       static_cast<long long>(padded), static_cast<long long>(config.block),
                       static_cast<long long>(config.bert.width), static_cast<long long>(config.heads));
}

LayerPatterns PatternsOf(blocks::Weights& weights, const Config& config, Selection selection) {
  LayerPatterns patterns(static_cast<size_t>(config.layers));
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    std::vector<float> random;
    if (selection == Selection::kRandomBlocks)
      random = weights.Take("rand_attn_layer" + std::to_string(layer),
                            {config.heads, config.num_blocks - 2, config.num_random});
    if (selection != Selection::kAll && config.is_sparse() && weights.status().ok())
      patterns[static_cast<size_t>(layer)] = Patterns(config, random);
  }
  return patterns;
}

}  // namespace

Result<ir::Graph> Build(ir::ReferenceModel& model) {
  EARSHOT_ASSIGN_OR_RETURN(const Config config, ReadConfig(model));
  ir::Graph graph;
  graph.family = "bigbird";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  struct Kind {
    const char* method;
    Selection selection;
  };
  std::vector<Kind> kinds = {{"steps_first_block", Selection::kFirstBlock}, {"steps_full", Selection::kAll}};
  if (weights.Has("rand_attn_layer0")) kinds.push_back({"steps", Selection::kRandomBlocks});
  for (const Kind& kind : kinds) {
    const LayerPatterns patterns = PatternsOf(weights, config, kind.selection);
    EARSHOT_RETURN_IF_ERROR(weights.status());
    EARSHOT_RETURN_IF_ERROR(BuildMethod(weights, config, kind.method, patterns));
  }
  return graph;
}

}  // namespace earshot::bigbird
