// Names and settings of CTranslate2's "WhisperSpec" and what they are in a Hugging Face checkpoint.
#include "converter/import/ctranslate2_whisper.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

#include "models/whisper/graph.h"

namespace earshot::checkpoint {
namespace {

constexpr int64_t kNewestRevision = 3;

// A part of a fused bias that Hugging Face does not have and that must be zero.
constexpr const char kDropped[] = "";

// CTranslate2's number of the exact (erf) GELU.
constexpr double kExactGelu = 3;

// Scalars by the last component of their name, and what they must be.
enum class Expect { kAnything, kValue, kNumHeads, kHeadWidth, kQueryScale };
constexpr struct ScalarRule {
  std::string_view leaf;
  Expect expect;
  double value = 0;
} kScalarRules[] = {
    {"num_heads", Expect::kAnything},  // read for the configuration
    {"activation", Expect::kValue, kExactGelu},
    {"pre_norm", Expect::kValue, 1},
    {"scale_embeddings", Expect::kValue, 0},
    {"scale_outputs", Expect::kValue, 0},
    {"start_from_zero_embedding", Expect::kValue, 0},
    {"multi_query_attention", Expect::kValue, 0},
    {"alibi", Expect::kValue, 0},
    {"alibi_use_positive_positions", Expect::kAnything},  // of no effect without alibi, like the next one
    {"scale_alibi", Expect::kAnything},
    {"alignment_layer", Expect::kAnything},  // which attention weights are handed out, not what is computed
    {"alignment_heads", Expect::kAnything},
    {"keep_in_float32", Expect::kAnything},
    {"num_heads_kv", Expect::kNumHeads},
    {"head_dim", Expect::kHeadWidth},
    {"queries_scale", Expect::kQueryScale},
};

// What older releases assume where these are missing is not what Whisper does, so they must be there.
constexpr const char* kRequiredScalars[] = {"encoder/num_heads", "decoder/num_heads", "decoder/activation",
                                            "decoder/scale_embeddings"};

std::string Numbered(const std::string& prefix, int64_t layer) { return prefix + std::to_string(layer); }

std::string_view Leaf(std::string_view name) { return name.substr(name.rfind('/') + 1); }

bool IsScalar(const Ct2Variable& variable) {
  return std::ranges::all_of(variable.shape, [](int64_t length) { return length == 1; });
}

bool IsQuantized(const Ct2Variable& variable) {
  return variable.type == NumberType::kI8 || variable.type == NumberType::kI16;
}

double ExpectedValue(const ScalarRule& rule, double num_heads, double width) {
  switch (rule.expect) {
    case Expect::kNumHeads:
      return num_heads;
    case Expect::kHeadWidth:
      return width / num_heads;
    case Expect::kQueryScale:
      return 1.0 / std::sqrt(width / num_heads);
    case Expect::kAnything:
    case Expect::kValue:
      break;
  }
  return rule.value;
}

}  // namespace

Result<std::unique_ptr<Ct2WhisperSource>> Ct2WhisperSource::Create(Ct2Model model) {
  if (model.spec() != "WhisperSpec") {
    return Status::Error(StatusCode::kUnsupported,
                         "the CTranslate2 model is a \"%s\"; this converter knows \"WhisperSpec\"",
                         model.spec().c_str());
  }
  if (model.revision() > kNewestRevision) {
    return Status::Error(StatusCode::kUnsupported,
                         "the CTranslate2 model has revision %lld; this converter knows up to %lld",
                         static_cast<long long>(model.revision()), static_cast<long long>(kNewestRevision));
  }
  std::unique_ptr<Ct2WhisperSource> source(new Ct2WhisperSource(std::move(model)));
  EARSHOT_RETURN_IF_ERROR(source->ReadConfig());
  EARSHOT_RETURN_IF_ERROR(source->CheckScalars());
  EARSHOT_RETURN_IF_ERROR(source->MapAll());
  EARSHOT_RETURN_IF_ERROR(source->CheckAllKnown());
  return source;
}

Result<std::vector<int64_t>> Ct2WhisperSource::ShapeOf(const std::string& name, size_t rank) {
  const auto* entry = model_.Find(name);
  if (entry == nullptr)
    return Status::Error(StatusCode::kInvalidModel, "the model has no variable %s", name.c_str());
  const std::vector<int64_t>& shape = entry->second.shape;
  if (shape.size() == rank) return shape;
  return Status::Error(StatusCode::kInvalidModel, "variable %s has the shape %s, not %zu dimensions",
                       name.c_str(), ShapeText(shape).c_str(), rank);
}

int64_t Ct2WhisperSource::CountLayers(const std::string& prefix) const {
  int64_t count = 0;
  while (model_.Find(Numbered(prefix, count) + "/ffn/linear_0/weight") != nullptr) ++count;
  return count;
}

Status Ct2WhisperSource::ReadConfig() {
  for (const char* name : kRequiredScalars) {
    const auto* entry = model_.Find(name);
    if (entry != nullptr && IsScalar(entry->second)) continue;
    return Status::Error(StatusCode::kInvalidModel,
                         "the model does not say %s: convert it with a newer CTranslate2", name);
  }
  EARSHOT_ASSIGN_OR_RETURN(const auto embeddings, ShapeOf("decoder/embeddings/weight", 2));
  EARSHOT_ASSIGN_OR_RETURN(const auto conv, ShapeOf("encoder/conv1/weight", 3));
  EARSHOT_ASSIGN_OR_RETURN(const auto encoder_positions, ShapeOf("encoder/position_encodings/encodings", 2));
  EARSHOT_ASSIGN_OR_RETURN(const auto decoder_positions, ShapeOf("decoder/position_encodings/encodings", 2));
  EARSHOT_ASSIGN_OR_RETURN(const auto encoder_ffn, ShapeOf("encoder/layer_0/ffn/linear_0/weight", 2));
  EARSHOT_ASSIGN_OR_RETURN(const auto decoder_ffn, ShapeOf("decoder/layer_0/ffn/linear_0/weight", 2));
  config_ = {.num_mels = conv[1],
             .vocab_size = embeddings[0],
             .width = embeddings[1],
             .encoder_layers = CountLayers("encoder/layer_"),
             .encoder_ffn_width = encoder_ffn[0],
             .decoder_layers = CountLayers("decoder/layer_"),
             .decoder_ffn_width = decoder_ffn[0],
             .max_audio_frames = encoder_positions[0],
             .max_text_tokens = decoder_positions[0]};
  for (auto [name, heads] : {std::pair{"encoder/num_heads", &config_.encoder_heads},
                             std::pair{"decoder/num_heads", &config_.decoder_heads}}) {
    const auto& entry = *model_.Find(name);
    EARSHOT_ASSIGN_OR_RETURN(const double value, model_.ReadScalar(entry.first));
    // Whatever is not a plain count becomes 0, which CheckConfig refuses.
    *heads = value >= 1 && value <= static_cast<double>(config_.width) ? static_cast<int64_t>(value) : 0;
  }
  return whisper::CheckConfig(config_);
}

Status Ct2WhisperSource::CheckScalars() {
  for (const auto& [name, variable] : model_.variables()) {
    if (!IsScalar(variable)) continue;
    const auto rule = std::ranges::find(kScalarRules, Leaf(name), &ScalarRule::leaf);
    if (rule == std::end(kScalarRules)) continue;  // CheckAllKnown decides
    known_.insert(name);
    if (rule->expect == Expect::kAnything) continue;
    EARSHOT_ASSIGN_OR_RETURN(const double value, model_.ReadScalar(name));
    const int64_t heads = name.starts_with("encoder/") ? config_.encoder_heads : config_.decoder_heads;
    const double expected =
        ExpectedValue(*rule, static_cast<double>(heads), static_cast<double>(config_.width));
    if (std::fabs(value - expected) <= 1e-3 * std::fabs(expected)) continue;  // f16 keeps 11 bits
    return Status::Error(StatusCode::kUnsupported, "the setting %s is %g; this converter can only do %g",
                         name.c_str(), value, expected);
  }
  return Status::Ok();
}

Status Ct2WhisperSource::MapAll() {
  EARSHOT_RETURN_IF_ERROR(MapEncoder());
  EARSHOT_RETURN_IF_ERROR(MapDecoder());
  return MapProjection();
}

Status Ct2WhisperSource::MapEncoder() {
  for (const char* conv : {"conv1", "conv2"}) {
    EARSHOT_RETURN_IF_ERROR(
        MapLinear({std::string("encoder/") + conv, {std::string("model.encoder.") + conv}}));
  }
  EARSHOT_RETURN_IF_ERROR(
      MapWhole("encoder/position_encodings/encodings", "model.encoder.embed_positions.weight"));
  EARSHOT_RETURN_IF_ERROR(MapNorm("encoder/layer_norm", "model.encoder.layer_norm"));
  for (int64_t layer = 0; layer < config_.encoder_layers; ++layer) {
    const std::string from = Numbered("encoder/layer_", layer), to = Numbered("model.encoder.layers.", layer);
    const std::string self = to + ".self_attn";
    EARSHOT_RETURN_IF_ERROR(MapNorm(from + "/self_attention/layer_norm", to + ".self_attn_layer_norm"));
    EARSHOT_RETURN_IF_ERROR(MapLinear(
        {from + "/self_attention/linear_0", {self + ".q_proj", self + ".k_proj", self + ".v_proj"}}));
    EARSHOT_RETURN_IF_ERROR(MapLinear({from + "/self_attention/linear_1", {self + ".out_proj"}}));
    EARSHOT_RETURN_IF_ERROR(MapFeedForward(from, to));
  }
  return Status::Ok();
}

Status Ct2WhisperSource::MapDecoder() {
  EARSHOT_RETURN_IF_ERROR(MapWhole("decoder/embeddings/weight", "model.decoder.embed_tokens.weight"));
  EARSHOT_RETURN_IF_ERROR(
      MapWhole("decoder/position_encodings/encodings", "model.decoder.embed_positions.weight"));
  EARSHOT_RETURN_IF_ERROR(MapNorm("decoder/layer_norm", "model.decoder.layer_norm"));
  for (int64_t layer = 0; layer < config_.decoder_layers; ++layer) {
    const std::string from = Numbered("decoder/layer_", layer), to = Numbered("model.decoder.layers.", layer);
    const std::string self = to + ".self_attn", cross = to + ".encoder_attn";
    EARSHOT_RETURN_IF_ERROR(MapNorm(from + "/self_attention/layer_norm", to + ".self_attn_layer_norm"));
    EARSHOT_RETURN_IF_ERROR(MapLinear(
        {from + "/self_attention/linear_0", {self + ".q_proj", self + ".k_proj", self + ".v_proj"}}));
    EARSHOT_RETURN_IF_ERROR(MapLinear({from + "/self_attention/linear_1", {self + ".out_proj"}}));
    EARSHOT_RETURN_IF_ERROR(MapNorm(from + "/attention/layer_norm", to + ".encoder_attn_layer_norm"));
    EARSHOT_RETURN_IF_ERROR(MapLinear({from + "/attention/linear_0", {cross + ".q_proj"}}));
    EARSHOT_RETURN_IF_ERROR(
        MapLinear({from + "/attention/linear_1", {cross + ".k_proj", cross + ".v_proj"}}));
    EARSHOT_RETURN_IF_ERROR(MapLinear({from + "/attention/linear_2", {cross + ".out_proj"}}));
    EARSHOT_RETURN_IF_ERROR(MapFeedForward(from, to));
  }
  return Status::Ok();
}

// Where it is an alias of the embedding the two are tied, as Whisper's are; else the graph builder compares
// them.
Status Ct2WhisperSource::MapProjection() {
  const auto* projection = model_.Find("decoder/projection/weight");
  if (projection != nullptr && projection == model_.Find("decoder/embeddings/weight")) {
    known_.insert("decoder/projection/weight");
    return Status::Ok();
  }
  return MapWhole("decoder/projection/weight", "proj_out.weight");
}

Status Ct2WhisperSource::MapNorm(const std::string& from, const std::string& to) {
  EARSHOT_RETURN_IF_ERROR(MapWhole(from + "/gamma", to + ".weight"));
  return MapWhole(from + "/beta", to + ".bias");
}

Status Ct2WhisperSource::MapFeedForward(const std::string& from, const std::string& to) {
  EARSHOT_RETURN_IF_ERROR(MapNorm(from + "/ffn/layer_norm", to + ".final_layer_norm"));
  EARSHOT_RETURN_IF_ERROR(MapLinear({from + "/ffn/linear_0", {to + ".fc1"}}));
  return MapLinear({from + "/ffn/linear_1", {to + ".fc2"}});
}

Status Ct2WhisperSource::MapLinear(const FusedLinear& linear) {
  std::vector<std::string> weights, biases;
  for (const std::string& part : linear.parts) {
    weights.push_back(part + ".weight");
    biases.push_back(part.ends_with(".k_proj") ? kDropped : part + ".bias");
  }
  EARSHOT_RETURN_IF_ERROR(MapRows(linear.name + "/weight", weights));
  return MapRows(linear.name + "/bias", biases);
}

Status Ct2WhisperSource::MapRows(const std::string& from, const std::vector<std::string>& parts) {
  const auto* entry = model_.Find(from);
  if (entry == nullptr)
    return Status::Error(StatusCode::kInvalidModel, "the model has no variable %s", from.c_str());
  const auto& [name, variable] = *entry;
  known_.insert(from);
  known_.insert(name);
  if (IsQuantized(variable)) known_.insert(name + "_scale");
  const int64_t num_parts = static_cast<int64_t>(parts.size());
  if (variable.shape.empty() || variable.num_rows() % num_parts != 0) {
    return Status::Error(StatusCode::kInvalidModel, "variable %s of shape %s cannot be cut into %lld parts",
                         name.c_str(), ShapeText(variable.shape).c_str(), static_cast<long long>(num_parts));
  }
  RowRange rows = {0, variable.num_rows() / num_parts};
  for (const std::string& part : parts) {
    if (part == kDropped) {
      EARSHOT_RETURN_IF_ERROR(CheckZero(name, rows));
    } else {
      std::vector<int64_t> shape = variable.shape;
      shape[0] = rows.count;
      tensors_[part] = {.variable = name, .rows = rows, .shape = std::move(shape)};
    }
    rows.begin += rows.count;
  }
  return Status::Ok();
}

Status Ct2WhisperSource::CheckZero(const std::string& variable, RowRange rows) {
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> values, model_.ReadRows(variable, rows));
  if (std::ranges::all_of(values, [](float value) { return value == 0.0f; })) return Status::Ok();
  return Status::Error(StatusCode::kUnsupported,
                       "variable %s has a bias for the keys that is not zero; Whisper has none",
                       variable.c_str());
}

Status Ct2WhisperSource::CheckAllKnown() const {
  std::vector<std::string> names = model_.AliasNames();
  for (const auto& [name, variable] : model_.variables()) names.push_back(name);
  for (const std::string& name : names) {
    if (known_.contains(name)) continue;
    return Status::Error(StatusCode::kUnsupported,
                         "this converter does not know the variable %s of the CTranslate2 model",
                         name.c_str());
  }
  return Status::Ok();
}

Result<std::vector<float>> Ct2WhisperSource::Take(const std::string& name,
                                                  const std::vector<int64_t>& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return Status::Error(StatusCode::kNotFound, "the checkpoint has no tensor %s %s", name.c_str(),
                         ShapeText(shape).c_str());
  }
  Tensor& tensor = found->second;
  if (tensor.shape != shape) {
    return Status::Error(StatusCode::kInvalidModel, "tensor %s has the shape %s in variable %s, not %s",
                         name.c_str(), ShapeText(tensor.shape).c_str(), tensor.variable.c_str(),
                         ShapeText(shape).c_str());
  }
  if (std::exchange(tensor.is_taken, true)) {
    return Status::Error(StatusCode::kInternal, "tensor %s is taken twice", name.c_str());
  }
  return model_.ReadRows(tensor.variable, tensor.rows);
}

void Ct2WhisperSource::Drop(const std::string& name) {
  if (const auto found = tensors_.find(name); found != tensors_.end()) found->second.is_taken = true;
}

std::vector<std::string> Ct2WhisperSource::Unused() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    if (!tensor.is_taken) names.push_back(name);
  }
  return names;
}

}  // namespace earshot::checkpoint
