// Symbols, the settings of the loop `greedy`, the tokenizer, the filters.
#include "models/ctc/dimensions.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "models/loops/loop.h"
#include "runtime/core/typed_bytes.h"

namespace earshot::ctc {
namespace {

using flatbuffers::uoffset_t;

constexpr int64_t kSampleRateHz = 16000;
constexpr uint32_t kMaxFftLength = 1 << 15;

const fb::Symbol* FindSymbol(const Program& program, std::string_view name) {
  const int index = program.FindMethod("forward");
  if (index < 0) return nullptr;
  for (const fb::Symbol* symbol : *program.model().methods()->Get(static_cast<uoffset_t>(index))->symbols()) {
    if (symbol->name()->string_view() == name) return symbol;
  }
  return nullptr;
}

std::optional<double> Setting(const fb::Loop& loop, std::string_view key) {
  for (const fb::Setting* setting : *loop.settings()) {
    if (setting->key()->string_view() == key) return setting->value();
  }
  return std::nullopt;
}

int64_t MaxPieceBytes(const TokenDecoder& pieces, int64_t vocab_size) {
  size_t bytes = 1;
  for (int64_t token = 0; token < vocab_size; ++token)
    bytes = std::max(bytes, pieces.Bytes(static_cast<int32_t>(token)).size());
  return static_cast<int64_t>(bytes);
}

Status Incomplete(const char* what) {
  return Status::Error(
      StatusCode::kInvalidModel,
      "the model file has no %s: convert the directory of the model again, with its vocabulary", what);
}

// What does not depend on how the model hears.
Result<Dimensions> ReadText(const Program& program) {
  const fb::Tokenizer* tokenizer = program.model().tokenizer();
  const fb::Loop* greedy = loops::FindLoop(program.model(), "greedy");
  if (tokenizer == nullptr || tokenizer->piece_offsets()->size() < 2) return Incomplete("vocabulary");
  if (greedy == nullptr) return Incomplete("loop \"greedy\"");
  const int64_t vocab_size = int64_t{tokenizer->piece_offsets()->size()} - 1;
  EARSHOT_ASSIGN_OR_RETURN(
      const TokenDecoder pieces,
      TokenDecoder::Create({tokenizer->piece_bytes()->data(), tokenizer->piece_bytes()->size()},
                           {tokenizer->piece_offsets()->data(), tokenizer->piece_offsets()->size()},
                           static_cast<int32_t>(vocab_size)));
  const double blank = Setting(*greedy, "blank").value_or(-1);
  if (blank < 0 || blank >= static_cast<double>(vocab_size)) return Incomplete("blank");
  const bool normalizes = Setting(*greedy, "normalize").value_or(0) != 0;
  return Dimensions{.hearing = normalizes ? Hearing::kNormalizedSamples : Hearing::kSamples,
                    .vocab_size = vocab_size,
                    .blank = static_cast<int32_t>(blank),
                    .pieces = pieces,
                    .max_piece_bytes = MaxPieceBytes(pieces, vocab_size)};
}

Status ReadLogMel(const Program& program, const fb::Symbol& mel_frames, Dimensions& dimensions) {
  const fb::AudioFrontEnd* audio = program.model().audio();
  if (audio == nullptr || audio->mel_filters() < 0) return Incomplete("mel filters");
  const fb::Tensor& filters = *program.model().tensors()->Get(static_cast<uoffset_t>(audio->mel_filters()));
  if (audio->sample_rate_hz() != kSampleRateHz || filters.dtype() != fb::DType::F32 ||
      audio->hop_length() < 1 || audio->hop_length() > kSampleRateHz || audio->fft_length() > kMaxFftLength ||
      audio->num_mels() > 1024)
    return Incomplete("mel filters that this program can use");
  const std::span<const std::byte> data = program.TensorData(filters);
  dimensions.hearing = Hearing::kLogMel;
  dimensions.log_mel = {.num_mels = static_cast<int>(audio->num_mels()),
                        .fft_length = static_cast<int>(audio->fft_length()),
                        .hop_length = static_cast<int>(audio->hop_length()),
                        .filters = {ElementsAt<float>(data.data()), data.size() / sizeof(float)},
                        .style = LogMelStyle::kNatural};
  // The variance of a feature needs two frames.
  const int64_t hop = dimensions.log_mel.hop_length;
  dimensions.min_samples = std::max<int64_t>(2, mel_frames.minimum()) * hop;
  dimensions.max_samples = int64_t{mel_frames.maximum()} * hop;
  return Status::Ok();
}

}  // namespace

Result<Dimensions> ReadDimensions(const Program& program) {
  if (program.family() != "wav2vec2" && program.family() != "parakeet") {
    return Status::Error(StatusCode::kInvalidArgument,
                         "this is a model of the family \"%.*s\", not a CTC model that hears audio",
                         static_cast<int>(program.family().size()), program.family().data());
  }
  EARSHOT_ASSIGN_OR_RETURN(Dimensions dimensions, ReadText(program));
  const bool hears_samples = program.family() == "wav2vec2";
  const fb::Symbol* input = FindSymbol(program, hears_samples ? "samples" : "frames");
  const fb::Symbol* output = FindSymbol(program, hears_samples ? "frames" : "encoder_frames");
  if (input == nullptr || output == nullptr) return Incomplete("lengths of audio and frames");
  dimensions.max_frames = output->maximum();
  if (hears_samples) {
    dimensions.min_samples = input->minimum();
    dimensions.max_samples = input->maximum();
  } else {
    EARSHOT_RETURN_IF_ERROR(ReadLogMel(program, *input, dimensions));
  }
  if (dimensions.min_samples >= 1 && dimensions.min_samples <= dimensions.max_samples &&
      dimensions.max_frames >= 1)
    return dimensions;
  return Incomplete("room for audio");
}

}  // namespace earshot::ctc
