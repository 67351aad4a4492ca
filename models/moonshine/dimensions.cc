// Symbols, the settings of the loop `greedy`, the tokenizer.
#include "models/moonshine/dimensions.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "models/loops/loop.h"

namespace earshot::moonshine {
namespace {

using flatbuffers::uoffset_t;

// The prompt is one token; an answer needs a few.
constexpr int64_t kMinTokens = 16;
constexpr int64_t kMaxSegmentSamples = int64_t{30} * 16000;

Result<const fb::Symbol*> FindSymbol(const Program& program, const char* method, std::string_view name) {
  const int index = program.FindMethod(method);
  if (index >= 0) {
    for (const fb::Symbol* symbol :
         *program.model().methods()->Get(static_cast<uoffset_t>(index))->symbols()) {
      if (symbol->name()->string_view() == name) return symbol;
    }
  }
  return Status::Error(StatusCode::kInvalidModel,
                       "the model has no method \"%s\" with \"%.*s\": convert it again", method,
                       static_cast<int>(name.size()), name.data());
}

// A token of the vocabulary.
Result<int32_t> TokenSetting(const fb::Loop& loop, std::string_view key, int64_t vocab_size) {
  for (const fb::Setting* setting : *loop.settings()) {
    if (setting->key()->string_view() != key) continue;
    if (setting->value() >= 0 && setting->value() < static_cast<double>(vocab_size))
      return static_cast<int32_t>(setting->value());
  }
  return Status::Error(StatusCode::kInvalidModel,
                       "the loop \"greedy\" has no token \"%.*s\" of the vocabulary: convert the model again",
                       static_cast<int>(key.size()), key.data());
}

// 0 where the loop has none that makes sense.
int64_t FrameSamples(const fb::Loop& loop) {
  for (const fb::Setting* setting : *loop.settings()) {
    if (setting->key()->string_view() == "frame_samples" && setting->value() >= 1 &&
        setting->value() <= 1 << 16)
      return static_cast<int64_t>(setting->value());
  }
  return 0;
}

int64_t MaxPieceBytes(const TokenDecoder& pieces, int64_t vocab_size) {
  size_t bytes = 1;
  for (int64_t token = 0; token < vocab_size; ++token)
    bytes = std::max(bytes, pieces.Bytes(static_cast<int32_t>(token)).size());
  return static_cast<int64_t>(bytes);
}

}  // namespace

Result<Dimensions> ReadDimensions(const Program& program) {
  const bool is_streaming = program.family() == "moonshine_streaming";
  if (program.family() != "moonshine" && !is_streaming) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "this is a model of the family \"%.*s\", not a Moonshine model",
                         static_cast<int>(program.family().size()), program.family().data());
  }
  const fb::Tokenizer* tokenizer = program.model().tokenizer();
  const fb::Loop* greedy = loops::FindLoop(program.model(), "greedy");
  if (tokenizer == nullptr || tokenizer->piece_offsets()->size() < 2 || greedy == nullptr) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the model file has no tokenizer or no loop \"greedy\": convert a directory with "
                         "tokenizer.json");
  }
  const int64_t vocab_size = int64_t{tokenizer->piece_offsets()->size()} - 1;
  EARSHOT_ASSIGN_OR_RETURN(
      const TokenDecoder pieces,
      TokenDecoder::Create({tokenizer->piece_bytes()->data(), tokenizer->piece_bytes()->size()},
                           {tokenizer->piece_offsets()->data(), tokenizer->piece_offsets()->size()},
                           static_cast<int32_t>(vocab_size)));
  EARSHOT_ASSIGN_OR_RETURN(const fb::Symbol* rows, is_streaming ? FindSymbol(program, "embed", "frames")
                                                                : FindSymbol(program, "encode", "samples"));
  const int64_t frame_samples = is_streaming ? FrameSamples(*greedy) : 1;
  if (frame_samples < 1) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the loop \"greedy\" has no \"frame_samples\": convert the model again");
  }
  EARSHOT_ASSIGN_OR_RETURN(const fb::Symbol* end, FindSymbol(program, "decode", "end"));
  EARSHOT_ASSIGN_OR_RETURN(const int32_t start, TokenSetting(*greedy, "start", vocab_size));
  EARSHOT_ASSIGN_OR_RETURN(const int32_t end_of_text, TokenSetting(*greedy, "eos", vocab_size));
  if (end->maximum() < kMinTokens) {
    return Status::Error(StatusCode::kInvalidModel, "the decoder has room for %u tokens, less than %lld",
                         end->maximum(), static_cast<long long>(kMinTokens));
  }
  // Trained on no more, whatever there is room for.
  const int64_t max_rows = std::min<int64_t>(rows->maximum(), kMaxSegmentSamples / frame_samples);
  return Dimensions{.frame_samples = frame_samples,
                    .min_samples = rows->minimum() * frame_samples,
                    .max_samples = std::max<int64_t>(max_rows, rows->minimum()) * frame_samples,
                    .max_tokens = end->maximum(),
                    .vocab_size = vocab_size,
                    .start = start,
                    .end_of_text = end_of_text,
                    .pieces = pieces,
                    .max_piece_bytes = MaxPieceBytes(pieces, vocab_size)};
}

}  // namespace earshot::moonshine
