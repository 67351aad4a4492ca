// Decoding of one encoded window: prompt, attempts at rising temperatures, and their judgement.
#ifndef EARSHOT_MODELS_WHISPER_WINDOW_DECODER_H_
#define EARSHOT_MODELS_WHISPER_WINDOW_DECODER_H_

#include <cstdint>
#include <span>

#include "models/common/compression_ratio.h"
#include "models/common/random.h"
#include "models/common/token_decoder.h"
#include "models/common/token_list.h"
#include "models/whisper/beam_search.h"
#include "models/whisper/fallback.h"
#include "models/whisper/generation.h"
#include "models/whisper/logit_rules.h"
#include "models/whisper/network.h"
#include "models/whisper/transcription.h"
#include "models/whisper/vocabulary.h"
#include "runtime/core/status.h"
#include "runtime/memory/arena.h"

namespace earshot::whisper {

// Constant tables of a model. Borrowed views.
struct DecoderTables {
  Vocabulary vocabulary;
  LogitRules::Lists lists;
  TokenDecoder pieces;
  int64_t max_text_tokens = 0;  // positions of the decoder's cache
  int64_t max_piece_bytes = 0;  // of any text token
};

// Tokens that an attempt may choose by the options, whatever the context has left.
inline int64_t WantedTokens(const TranscribeOptions& options, int64_t max_text_tokens) {
  return options.max_new_tokens > 0 ? options.max_new_tokens : max_text_tokens / 2;
}

struct WindowPrompt {
  std::span<const int32_t> previous_tokens =
      {};                             // what was said before; only the last half of the context is used
  int32_t language_token = kNoToken;  // kNoToken: detect; English-only models ignore it
};

// Views are valid until the next window.
struct WindowTranscript {
  std::span<const int32_t> tokens = {};  // without end-of-text
  AttemptScore score = {};
  float temperature = 0;              // of the attempt that was kept
  float last_temperature = 0;         // of the last attempt
  int32_t language_token = kNoToken;  // kNoToken: English-only
  float language_probability = 1;
  int64_t attempts = 0;
  int64_t tokens_chosen = 0;  // in all attempts
  int64_t loops_stopped = 0;
  bool truncated = false;  // the attempt that was kept was stopped at the limit of tokens
  bool cancelled = false;  // the tokens are what was decoded so far
};

// The prompt is [<|startofprev|> previous tokens] <|startoftranscript|> [language, task] [<|notimestamps|>],
// run in two parts: the logits after <|startoftranscript|> give the language and the probability that nothing
// is said. Owns nothing, borrows its memory; never touches the heap. Threads: one call at a time.
class WindowDecoder {
 public:
  static constexpr size_t kMaxPromptTail = 3;

  // Takes its memory from the arena; from a measuring one the result is kOutOfMemory, and the arena knows the
  // bytes.
  static Result<WindowDecoder> Create(const DecoderTables& tables, Arena& arena);

  // Decodes the window that `network` has encoded. Errors: those of the network.
  Status Decode(Network& network, const WindowPrompt& prompt, const TranscribeOptions& options,
                const Sink& sink, Pcg32& random, WindowTranscript& transcript);

  // What <|startoftranscript|> is followed by, in `room`: [language, task] [<|notimestamps|>].
  std::span<const int32_t> PromptTail(int32_t language_token, const TranscribeOptions& options,
                                      std::span<int32_t, kMaxPromptTail> room) const;

  // How good the tokens of a window are.
  Result<AttemptScore> Score(const Generation& generation, float no_speech_prob);

  // Text of tokens as spelled, possibly ill-formed UTF-8; valid until the next call of any method.
  Result<std::string_view> Text(std::span<const int32_t> tokens);

  const DecoderTables& tables() const { return tables_; }

 private:
  struct Request;  // the arguments of Decode
  WindowDecoder(const DecoderTables& tables, CompressionRatio ratio)
      : tables_(tables), compression_ratio_(ratio) {}

  Status Prefill(Request& request);
  Status Run(Request& request, std::span<const int32_t> tokens);
  Status Attempt(Request& request, float temperature);
  Status SampleOneByOne(Request& request, const GenerationRequest& generation, int samples);
  Status SampleSideBySide(Request& request, const GenerationRequest& generation, int samples);
  void Keep(Request& request, bool is_first);

  DecoderTables tables_;
  CompressionRatio compression_ratio_;
  std::span<char> text_;
  std::span<float> prompt_logits_;  // [V], kept for further attempts
  TokenList prompt_;
  BeamSearch beams_;
  Generation current_, candidate_, kept_;  // being generated, best sample of the attempt, best attempt
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_WINDOW_DECODER_H_
