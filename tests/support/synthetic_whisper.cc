// Writers of checkpoint formats, independent of the readers.
#include "tests/support/synthetic_whisper.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

#include "runtime/core/float16.h"

namespace earshot::test {
namespace {

constexpr float kStep = 1.0f / 64.0f;

class WeightMaker {
 public:
  explicit WeightMaker(SyntheticWhisper& model) : model_(model) {}

  void Add(const std::string& name, std::vector<int64_t> shape) {
    SyntheticTensor tensor;
    size_t size = 1;
    for (const int64_t length : shape) size *= static_cast<size_t>(length);
    for (size_t i = 0; i < size; ++i) tensor.values.push_back(static_cast<float>(integers_(random_)) * kStep);
    tensor.shape = std::move(shape);
    model_.tensors[name] = std::move(tensor);
  }

  void AddLinear(const std::string& name, int64_t out, int64_t in, bool has_bias = true) {
    Add(name + ".weight", {out, in});
    if (has_bias) Add(name + ".bias", {out});
  }

  void AddNorm(const std::string& name, int64_t width) {
    Add(name + ".weight", {width});
    Add(name + ".bias", {width});
  }

  void AddAttention(const std::string& layer, const std::string& name, int64_t width) {
    for (const char* part : {".q_proj", ".k_proj", ".v_proj", ".out_proj"}) {
      AddLinear(layer + name + part, width, width, std::string(part) != ".k_proj");
    }
    AddNorm(layer + name + "_layer_norm", width);
  }

  void AddFeedForward(const std::string& layer, int64_t width, int64_t hidden) {
    AddLinear(layer + "fc1", hidden, width);
    AddLinear(layer + "fc2", width, hidden);
    AddNorm(layer + "final_layer_norm", width);
  }

 private:
  SyntheticWhisper& model_;
  std::mt19937 random_{20240229};
  std::uniform_int_distribution<int> integers_{-127, 127};
};

const std::pair<const char*, int64_t> kSpecialTokens[] = {{"<|endoftext|>", kSyntheticEndOfText},
                                                          {"<|startoftranscript|>", 21},
                                                          {"<|en|>", 22},
                                                          {"<|iw|>", 23},
                                                          {"<|translate|>", 24},
                                                          {"<|transcribe|>", 25},
                                                          {"<|startoflm|>", 26},
                                                          {"<|startofprev|>", 27},
                                                          {"<|nocaptions|>", 28},
                                                          {"<|notimestamps|>", kSyntheticNoTimestamps}};

// Ids 0 to 19: "a" to "q", then a space, "é" in two bytes, and a line feed.
std::string TextToken(int64_t id) {
  if (id == 17) return "\u0120";        // 0x20
  if (id == 18) return "\u00c3\u00a9";  // 0xC3 0xA9
  if (id == 19) return "\u010a";        // 0x0A
  return std::string(1, static_cast<char>('a' + id));
}

void Append(std::vector<std::byte>& bytes, const void* data, size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

template <class T>
void AppendNumber(std::vector<std::byte>& bytes, T number) {
  Append(bytes, &number, sizeof(T));
}

enum class Stored { kF32, kF16, kBF16, kI8, kI16 };

void AppendValues(std::vector<std::byte>& bytes, const std::vector<float>& values, Stored stored) {
  for (const float value : values) {
    switch (stored) {
      case Stored::kF32:
        AppendNumber(bytes, value);
        break;
      case Stored::kF16:
        AppendNumber(bytes, ToFloat16(value).bits);
        break;
      case Stored::kBF16:
        AppendNumber(bytes, FloatToBFloat16(value));
        break;
      case Stored::kI8:
        AppendNumber(bytes, static_cast<int8_t>(value / kStep));
        break;
      case Stored::kI16:
        AppendNumber(bytes, static_cast<int16_t>(value / kStep));
        break;
    }
  }
}

class Ct2Writer {
 public:
  explicit Ct2Writer(const Ct2Options& options) : options_(options) {}

  void Add(const std::string& name, const SyntheticTensor& tensor, Stored stored) {
    if (name == options_.without) return;
    ++num_variables_;
    AppendString(variables_, name);
    AppendNumber(variables_, static_cast<uint8_t>(tensor.shape.size()));
    for (const int64_t length : tensor.shape) AppendNumber(variables_, static_cast<uint32_t>(length));
    std::vector<std::byte> data;
    AppendValues(data, tensor.values, stored);
    const size_t item_bytes = data.size() / tensor.values.size();
    if (options_.version >= 4) {
      constexpr uint8_t kTypeIds[] = {0, 4, 5, 1, 2};  // in the order of Stored
      AppendNumber(variables_, kTypeIds[static_cast<size_t>(stored)]);
      AppendNumber(variables_, static_cast<uint32_t>(data.size()));
    } else {
      AppendNumber(variables_, static_cast<uint8_t>(item_bytes));
      AppendNumber(variables_, static_cast<uint32_t>(tensor.values.size()));
    }
    Append(variables_, data.data(), data.size());
  }

  void AddScalar(const std::string& name, int value) {
    Add(name, {{}, {static_cast<float>(value) * kStep}}, Stored::kI8);  // kI8 divides by the step
  }

  // A matrix, with its scales where it is quantized.
  void AddWeight(const std::string& name, const SyntheticTensor& tensor) {
    const bool is_int8 = options_.weights == Ct2Type::kI8, is_int16 = options_.weights == Ct2Type::kI16;
    Add(name, tensor, StoredAs());
    const size_t num_scales = is_int8 ? static_cast<size_t>(tensor.shape[0]) : 1;
    SyntheticTensor scale = {{}, std::vector<float>(num_scales, 1.0f / kStep)};
    if (is_int8) scale.shape = {tensor.shape[0]};
    if (is_int8 || is_int16) Add(name + "_scale", scale, Stored::kF32);
  }

  // Other float tensors are not quantized.
  void AddFloats(const std::string& name, const SyntheticTensor& tensor) {
    const bool is_half = options_.weights == Ct2Type::kF16 || options_.weights == Ct2Type::kBF16;
    Add(name, tensor, is_half ? StoredAs() : Stored::kF32);
  }

  std::vector<std::byte> Finish() const {
    std::vector<std::byte> bytes;
    AppendNumber(bytes, options_.version);
    AppendString(bytes, "WhisperSpec");
    AppendNumber(bytes, uint32_t{3});
    AppendNumber(bytes, num_variables_);
    Append(bytes, variables_.data(), variables_.size());
    if (options_.version >= 3) {
      AppendNumber(bytes, uint32_t{options_.aliases_projection ? 1u : 0u});
      if (options_.aliases_projection) {
        AppendString(bytes, "decoder/projection/weight");
        AppendString(bytes, "decoder/embeddings/weight");
      }
    }
    return bytes;
  }

 private:
  Stored StoredAs() const {
    switch (options_.weights) {
      case Ct2Type::kF32:
        return Stored::kF32;
      case Ct2Type::kI8:
        return Stored::kI8;
      case Ct2Type::kI16:
        return Stored::kI16;
      case Ct2Type::kF16:
        return Stored::kF16;
      case Ct2Type::kBF16:
        return Stored::kBF16;
    }
    return Stored::kF32;
  }

  static void AppendString(std::vector<std::byte>& bytes, const std::string& text) {
    AppendNumber(bytes, static_cast<uint16_t>(text.size() + 1));
    Append(bytes, text.c_str(), text.size() + 1);
  }

  const Ct2Options& options_;
  std::vector<std::byte> variables_;
  uint32_t num_variables_ = 0;
};

// Rows of several tensors below each other; `key_bias` stands in for the bias that the keys lack.
SyntheticTensor Stack(const SyntheticWhisper& model, const std::vector<std::string>& names, float key_bias) {
  SyntheticTensor stacked;
  for (const std::string& name : names) {
    SyntheticTensor part;
    if (const auto found = model.tensors.find(name); found != model.tensors.end()) {
      part = found->second;
    } else {
      part = {{model.config.width}, std::vector<float>(static_cast<size_t>(model.config.width), key_bias)};
    }
    stacked.values.insert(stacked.values.end(), part.values.begin(), part.values.end());
    const int64_t rows = stacked.shape.empty() ? 0 : stacked.shape[0];
    stacked.shape = part.shape;
    stacked.shape[0] += rows;
  }
  return stacked;
}

class Ct2Mapper {
 public:
  Ct2Mapper(const SyntheticWhisper& model, const Ct2Options& options, Ct2Writer& writer)
      : model_(model), options_(options), writer_(writer) {}

  void Linear(const std::string& to, const std::vector<std::string>& from) {
    std::vector<std::string> weights, biases;
    for (const std::string& part : from) {
      weights.push_back(part + ".weight");
      biases.push_back(part + ".bias");
    }
    writer_.AddWeight(to + "/weight", Stack(model_, weights, 0));
    writer_.AddFloats(to + "/bias", Stack(model_, biases, options_.key_bias));
  }

  void Norm(const std::string& to, const std::string& from) {
    writer_.AddFloats(to + "/gamma", model_.tensors.at(from + ".weight"));
    writer_.AddFloats(to + "/beta", model_.tensors.at(from + ".bias"));
  }

  void Layer(const std::string& to, const std::string& from, bool has_cross_attention) {
    Norm(to + "/self_attention/layer_norm", from + "self_attn_layer_norm");
    Linear(to + "/self_attention/linear_0",
           {from + "self_attn.q_proj", from + "self_attn.k_proj", from + "self_attn.v_proj"});
    Linear(to + "/self_attention/linear_1", {from + "self_attn.out_proj"});
    if (has_cross_attention) {
      Norm(to + "/attention/layer_norm", from + "encoder_attn_layer_norm");
      Linear(to + "/attention/linear_0", {from + "encoder_attn.q_proj"});
      Linear(to + "/attention/linear_1", {from + "encoder_attn.k_proj", from + "encoder_attn.v_proj"});
      Linear(to + "/attention/linear_2", {from + "encoder_attn.out_proj"});
    }
    Norm(to + "/ffn/layer_norm", from + "final_layer_norm");
    Linear(to + "/ffn/linear_0", {from + "fc1"});
    Linear(to + "/ffn/linear_1", {from + "fc2"});
  }

 private:
  const SyntheticWhisper& model_;
  const Ct2Options& options_;
  Ct2Writer& writer_;
};

}  // namespace

SyntheticWhisper MakeSyntheticWhisper() {
  SyntheticWhisper model;
  whisper::Config& config = model.config;
  config = {.num_mels = 4,
            .vocab_size = 40,
            .width = 8,
            .encoder_layers = 2,
            .encoder_heads = 2,
            .encoder_ffn_width = 12,
            .decoder_layers = 1,
            .decoder_heads = 2,
            .decoder_ffn_width = 10,
            .max_audio_frames = 6,
            .max_text_tokens = 5};
  WeightMaker maker(model);
  maker.Add("model.encoder.conv1.weight", {config.width, config.num_mels, 3});
  maker.Add("model.encoder.conv1.bias", {config.width});
  maker.Add("model.encoder.conv2.weight", {config.width, config.width, 3});
  maker.Add("model.encoder.conv2.bias", {config.width});
  maker.Add("model.encoder.embed_positions.weight", {config.max_audio_frames, config.width});
  maker.AddNorm("model.encoder.layer_norm", config.width);
  for (int64_t i = 0; i < config.encoder_layers; ++i) {
    const std::string layer = "model.encoder.layers." + std::to_string(i) + ".";
    maker.AddAttention(layer, "self_attn", config.width);
    maker.AddFeedForward(layer, config.width, config.encoder_ffn_width);
  }
  maker.Add("model.decoder.embed_tokens.weight", {config.vocab_size, config.width});
  maker.Add("model.decoder.embed_positions.weight", {config.max_text_tokens, config.width});
  maker.AddNorm("model.decoder.layer_norm", config.width);
  for (int64_t i = 0; i < config.decoder_layers; ++i) {
    const std::string layer = "model.decoder.layers." + std::to_string(i) + ".";
    maker.AddAttention(layer, "self_attn", config.width);
    maker.AddAttention(layer, "encoder_attn", config.width);
    maker.AddFeedForward(layer, config.width, config.decoder_ffn_width);
  }
  return model;
}

std::string SyntheticConfigJson() {
  return R"({"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "activation_function": "gelu",
 "vocab_size": 40, "num_mel_bins": 4, "d_model": 8, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 12,
 "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 10, "max_source_positions": 6, "max_target_positions": 5,
 "suppress_tokens": [1, 2, 5], "begin_suppress_tokens": [17, 20], "eos_token_id": 20, "decoder_start_token_id": 21,
 "scale_embedding": false, "dropout": 0.0, "use_cache": true})";
}

std::string SyntheticTokenizerJson() {
  std::string vocab, added;
  for (int64_t id = 0; id < kSyntheticEndOfText; ++id) {
    vocab += (id == 0 ? "\"" : ", \"") + TextToken(id) + "\": " + std::to_string(id);
  }
  for (const auto& [token, id] : kSpecialTokens) {
    added += (added.empty() ? "" : ", ") + std::string(R"({"id": )") + std::to_string(id) +
             R"(, "special": true, "content": ")" + token + "\"}";
  }
  return R"({"version": "1.0", "added_tokens": [)" + added +
         R"(], "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE",
 "byte_fallback": false, "vocab": {)" +
         vocab + R"(}, "merges": []}})";
}

std::string SyntheticVocabularyTxt() {
  std::string text;
  for (int64_t id = 0; id < kSyntheticEndOfText; ++id) text += TextToken(id) + "\n";
  for (const auto& [token, id] : kSpecialTokens) text += std::string(token) + "\n";
  for (int64_t i = kSyntheticNoTimestamps + 1; i < 40; ++i) {
    const int64_t hundredths = (i - kSyntheticNoTimestamps - 1) * 2;
    text += "<|0." + std::string(hundredths < 10 ? "0" : "") + std::to_string(hundredths) + "|>\n";
  }
  return text;
}

std::vector<std::byte> SafetensorsBytes(const std::map<std::string, SyntheticTensor>& tensors,
                                        const std::string& type) {
  const Stored stored = type == "F32" ? Stored::kF32 : type == "F16" ? Stored::kF16 : Stored::kBF16;
  std::string header = R"({"__metadata__": {"format": "pt"})";
  std::vector<std::byte> data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    AppendValues(data, tensor.values, stored);
    std::string shape;
    for (const int64_t length : tensor.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(length);
    header += ", \"" + name + R"(": {"dtype": ")" + type + R"(", "shape": [)" + shape +
              R"(], "data_offsets": [)" + std::to_string(begin) + ", " + std::to_string(data.size()) + "]}";
  }
  header += "}";
  std::vector<std::byte> bytes;
  AppendNumber(bytes, static_cast<uint64_t>(header.size()));
  Append(bytes, header.data(), header.size());
  Append(bytes, data.data(), data.size());
  return bytes;
}

std::vector<std::byte> Ct2Bytes(const SyntheticWhisper& model, const Ct2Options& options) {
  Ct2Writer writer(options);
  std::map<std::string, int> scalars = {
      {"encoder/num_heads", 2}, {"decoder/num_heads", 2},        {"decoder/activation", 3},
      {"decoder/alibi", 0},     {"decoder/alignment_heads", 1},  {"decoder/alignment_layer", -1},
      {"decoder/pre_norm", 1},  {"decoder/scale_embeddings", 0}, {"decoder/start_from_zero_embedding", 0}};
  for (const auto& [name, value] : options.scalars) scalars[name] = value;
  for (const auto& [name, value] : scalars) writer.AddScalar(name, value);
  Ct2Mapper mapper(model, options, writer);
  for (const char* conv : {"conv1", "conv2"}) {
    const std::string from = std::string("model.encoder.") + conv;
    writer.AddFloats(std::string("encoder/") + conv + "/weight", model.tensors.at(from + ".weight"));
    writer.AddFloats(std::string("encoder/") + conv + "/bias", model.tensors.at(from + ".bias"));
  }
  const SyntheticTensor& embedding = model.tensors.at("model.decoder.embed_tokens.weight");
  writer.AddFloats("encoder/position_encodings/encodings",
                   model.tensors.at("model.encoder.embed_positions.weight"));
  writer.AddFloats("decoder/position_encodings/encodings",
                   model.tensors.at("model.decoder.embed_positions.weight"));
  writer.AddWeight("decoder/embeddings/weight", embedding);
  if (!options.aliases_projection || options.version < 3)
    writer.AddWeight("decoder/projection/weight", embedding);
  mapper.Norm("encoder/layer_norm", "model.encoder.layer_norm");
  mapper.Norm("decoder/layer_norm", "model.decoder.layer_norm");
  for (int64_t i = 0; i < model.config.encoder_layers; ++i) {
    mapper.Layer("encoder/layer_" + std::to_string(i), "model.encoder.layers." + std::to_string(i) + ".",
                 false);
  }
  for (int64_t i = 0; i < model.config.decoder_layers; ++i) {
    mapper.Layer("decoder/layer_" + std::to_string(i), "model.decoder.layers." + std::to_string(i) + ".",
                 true);
  }
  for (const auto& [name, tensor] : options.more) writer.Add(name, tensor, Stored::kF32);
  return writer.Finish();
}

TemporaryDirectory::TemporaryDirectory(const std::string& name,
                                       const std::map<std::string, std::string>& text_files,
                                       const std::map<std::string, std::vector<std::byte>>& binary_files) {
  const std::filesystem::path directory = std::filesystem::temp_directory_path() /
                                          ("earshot-" + name + "-" + std::to_string(std::random_device()()));
  if (!std::filesystem::create_directory(directory))
    throw std::runtime_error("cannot make " + directory.string());
  path_ = directory.string();
  const auto write = [&directory](const std::string& file, const char* data, size_t size) {
    std::ofstream out(directory / file, std::ios::binary);
    out.write(data, static_cast<std::streamsize>(size));
    if (!out.good()) throw std::runtime_error("cannot write " + (directory / file).string());
  };
  for (const auto& [file, text] : text_files) write(file, text.data(), text.size());
  for (const auto& [file, bytes] : binary_files)
    write(file, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace earshot::test
