// Checks that a program is a Whisper model and reads its sizes.
#include "models/whisper/dimensions.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "models/whisper/config.h"
#include "models/whisper/window_features.h"
#include "runtime/core/typed_bytes.h"

namespace earshot::whisper {
namespace {

using flatbuffers::uoffset_t;

Result<int64_t> SymbolMaximum(const Program& program, std::string_view method_name,
                              std::string_view symbol_name) {
  const int index = program.FindMethod(method_name);
  if (index < 0) {
    return Status::Error(StatusCode::kInvalidModel, "the model has no method \"%.*s\": convert it again",
                         static_cast<int>(method_name.size()), method_name.data());
  }
  for (const fb::Symbol* symbol : *program.model().methods()->Get(static_cast<uoffset_t>(index))->symbols()) {
    if (symbol->name()->string_view() == symbol_name) return int64_t{symbol->maximum()};
  }
  return Status::Error(StatusCode::kInvalidModel,
                       "method \"%.*s\" has no symbol \"%.*s\": convert the model again",
                       static_cast<int>(method_name.size()), method_name.data(),
                       static_cast<int>(symbol_name.size()), symbol_name.data());
}

Result<LogMelConfig> ReadFrontEnd(const Program& program) {
  const fb::AudioFrontEnd* audio = program.model().audio();
  if (audio == nullptr || audio->mel_filters() < 0) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the model file has no mel filters: convert the model again");
  }
  if (audio->sample_rate_hz() != kSampleRateHz || audio->hop_length() != kSamplesPerMelFrame ||
      audio->num_mels() > 1024 || audio->fft_length() > kSampleRateHz) {
    return Status::Error(
        StatusCode::kUnsupported,
        "the model hears %u Hz in steps of %u samples; Whisper hears %lld Hz in steps of %lld",
        audio->sample_rate_hz(), audio->hop_length(), static_cast<long long>(kSampleRateHz),
        static_cast<long long>(kSamplesPerMelFrame));
  }
  const fb::Tensor& filters = *program.model().tensors()->Get(static_cast<uoffset_t>(audio->mel_filters()));
  if (filters.dtype() != fb::DType::F32) {
    return Status::Error(StatusCode::kInvalidModel, "the mel filters are not f32: convert the model again");
  }
  const std::span<const std::byte> data = program.TensorData(filters);
  return LogMelConfig{.num_mels = static_cast<int>(audio->num_mels()),
                      .fft_length = static_cast<int>(audio->fft_length()),
                      .hop_length = static_cast<int>(audio->hop_length()),
                      .filters = {ElementsAt<float>(data.data()), data.size() / sizeof(float)}};
}

std::span<const uint32_t> AsSpan(const flatbuffers::Vector<uint32_t>* ids) {
  if (ids == nullptr) return {};
  return {ids->data(), ids->size()};
}

LogitRules::Lists ReadLists(const fb::Model& model) {
  const fb::GenerationSettings* generation = model.generation();
  if (generation == nullptr) return {};
  return {.suppressed = AsSpan(generation->suppressed_tokens()),
          .begin_suppressed = AsSpan(generation->begin_suppressed_tokens()),
          .max_initial_timestamp_index = generation->max_initial_timestamp_index()};
}

int64_t MaxPieceBytes(const TokenDecoder& pieces, int32_t num_text_tokens) {
  size_t bytes = 1;
  for (int32_t token = 0; token < num_text_tokens; ++token)
    bytes = std::max(bytes, pieces.Bytes(token).size());
  return static_cast<int64_t>(bytes);
}

Result<DecoderTables> ReadTables(const Program& program) {
  const fb::Tokenizer* tokenizer = program.model().tokenizer();
  if (tokenizer == nullptr) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the model file has no tokenizer: convert the model again");
  }
  EARSHOT_ASSIGN_OR_RETURN(const Vocabulary vocabulary, Vocabulary::FromModel(program.model()));
  EARSHOT_ASSIGN_OR_RETURN(
      const TokenDecoder pieces,
      TokenDecoder::Create({tokenizer->piece_bytes()->data(), tokenizer->piece_bytes()->size()},
                           AsSpan(tokenizer->piece_offsets()), vocabulary.end_of_text));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t max_text_tokens, SymbolMaximum(program, "decode", "end"));
  if (max_text_tokens < kMinTextTokens) {
    return Status::Error(StatusCode::kInvalidModel, "the decoder has room for %lld tokens, less than %lld",
                         static_cast<long long>(max_text_tokens), static_cast<long long>(kMinTextTokens));
  }
  return DecoderTables{.vocabulary = vocabulary,
                       .lists = ReadLists(program.model()),
                       .pieces = pieces,
                       .max_text_tokens = max_text_tokens,
                       .max_piece_bytes = MaxPieceBytes(pieces, vocabulary.end_of_text)};
}

}  // namespace

Result<Dimensions> ReadDimensions(const Program& program) {
  if (program.family() != "whisper") {
    return Status::Error(StatusCode::kInvalidArgument,
                         "this is a model of the family \"%.*s\", not a Whisper model",
                         static_cast<int>(program.family().size()), program.family().data());
  }
  EARSHOT_ASSIGN_OR_RETURN(const int64_t max_audio_frames, SymbolMaximum(program, "encode", "frames"));
  EARSHOT_ASSIGN_OR_RETURN(const LogMelConfig log_mel, ReadFrontEnd(program));
  EARSHOT_ASSIGN_OR_RETURN(DecoderTables tables, ReadTables(program));
  const int64_t max_mel_frames = kMelFramesPerEncoderFrame * max_audio_frames;
  tables.lists.max_timestamp_index = max_mel_frames * kMelFrameMs / tables.vocabulary.timestamp_step_ms;
  return Dimensions{.max_mel_frames = max_mel_frames, .log_mel = log_mel, .tables = tables};
}

}  // namespace earshot::whisper
