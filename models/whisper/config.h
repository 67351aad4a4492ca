// Sizes of a Whisper model (Radford et al. 2022, table 1). Letters as in models/whisper/README.md.
#ifndef EARSHOT_MODELS_WHISPER_CONFIG_H_
#define EARSHOT_MODELS_WHISPER_CONFIG_H_

#include <cstdint>
#include <string_view>

namespace earshot::whisper {

// The prompt with its control tokens must leave room for an answer.
constexpr int64_t kMinTextTokens = 16;

// Of a window that was shortened to save memory: 2 s, so that words fit into it.
constexpr int64_t kMinAudioFrames = 100;

// Beams of a search, or samples at a temperature, that are decoded side by side: as many as other programs
// for Whisper search with unless told otherwise.
constexpr int64_t kMaxBeams = 5;
// The method for them, which a session has if SessionOptions::optional_methods names it.
constexpr std::string_view kBeamsMethod = "decode_beams";

// Windows of a recording that are decoded side by side, and the method for them, as above.
constexpr int64_t kMaxWindows = 8;
constexpr std::string_view kWindowsMethod = "decode_windows";

// Positions of the decoder's cache for each of them: what a window's text may have by default, and its
// prompt, which knows nothing of what was said before.
constexpr int64_t WindowPositions(int64_t max_text_tokens) { return max_text_tokens / 2 + 8; }

struct Config {
  int64_t num_mels = 80;
  int64_t vocab_size = 0;  // V
  int64_t width = 0;       // d, of encoder and decoder
  int64_t encoder_layers = 0;
  int64_t encoder_heads = 0;
  int64_t encoder_ffn_width = 0;
  int64_t decoder_layers = 0;
  int64_t decoder_heads = 0;
  int64_t decoder_ffn_width = 0;
  int64_t max_audio_frames = 1500;  // S, encoder frames of 20 ms
  int64_t max_text_tokens = 448;
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_CONFIG_H_
