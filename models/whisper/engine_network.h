// Whisper's network as the engine runs it: the methods `encode` and `decode` of a model file.
#ifndef EARSHOT_MODELS_WHISPER_ENGINE_NETWORK_H_
#define EARSHOT_MODELS_WHISPER_ENGINE_NETWORK_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "models/whisper/beam_caches.h"
#include "models/whisper/config.h"
#include "models/whisper/dimensions.h"
#include "models/whisper/network.h"
#include "models/whisper/window_caches.h"
#include "runtime/engine/session.h"

namespace earshot::whisper {

// Owns the session. Movable. Threads: one call at a time.
class EngineNetwork final : public Network {
 public:
  // Finds methods, symbols and values by the names of models/whisper/README.md, and checks their shapes.
  // Errors: kInvalidModel, naming what is missing or contradictory.
  static Result<EngineNetwork> Create(Session session, const Dimensions& dimensions);

  int64_t vocab_size() const override { return vocab_size_; }
  int64_t max_text_tokens() const override { return max_text_tokens_; }
  int64_t max_mel_frames() const override { return max_mel_frames_; }
  int64_t num_mels() const override { return num_mels_; }

  Result<Matrix<float>> MelInput(int64_t mel_frames) override;
  Status Encode(int64_t mel_frames) override;
  Result<std::span<float>> Decode(std::span<const int32_t> tokens, int64_t position) override;
  int64_t max_beams() const override { return caches_.max_beams(); }
  Status BeginBeams(int64_t beams, int64_t tokens) override;
  Result<Matrix<float>> DecodeBeams(std::span<const int32_t> tokens, int64_t position) override;
  Status ReorderBeams(std::span<const int32_t> parents, int64_t begin, int64_t end) override;
  int64_t max_windows() const override { return window_caches_.max_windows(); }
  int64_t max_window_tokens() const override { return window_caches_.max_tokens(); }
  Status KeepWindow(int64_t window) override;
  Result<Matrix<float>> DecodeWindows(std::span<const int32_t> tokens, int64_t position) override;
  Status MoveWindow(int64_t from, int64_t to, int64_t tokens) override;

  // [S, d] f32 of the last Encode.
  Result<Matrix<const float>> EncoderOutput() const;

  const Session& session() const { return session_; }

 private:
  // A method's symbols, set by name once and filled by index in every run.
  class Call {
   public:
    static Result<Call> Bind(const Session& session, std::string_view method,
                             std::span<const std::string_view> symbols);
    // values: in the order of the names given to Bind.
    void Set(std::span<const int64_t> values);
    int method() const { return method_; }
    std::span<const int64_t> symbols() const { return std::span(values_).first(num_symbols_); }

   private:
    static constexpr size_t kMaxSymbols = 4;
    int method_ = -1;
    size_t num_symbols_ = 0;
    std::array<int, kMaxSymbols> index_{};  // of the i-th name
    std::array<int64_t, kMaxSymbols> values_{};
  };

  // A method that continues several sequences.
  struct SideBySide {
    Call call;
    int token_ids = -1, logits = -1;  // values
  };
  static Result<SideBySide> BindSideBySide(const Session& session, std::string_view method,
                                           std::span<const std::string_view> symbols);

  EngineNetwork(Session session, const Dimensions& dimensions);
  Status FindValues();
  Status CheckShapes();
  Status FindBeams();
  Status FindBeamCaches();
  Status FindWindows();
  Status FindWindowCaches();
  Result<MatrixView> FindState(const Call& call, const char* name) const;
  void SetDecodeBeams(int64_t beams, int64_t position);
  void SetDecodeWindows(int64_t windows, int64_t position);
  Status CheckLogits(const SideBySide& method, int64_t sequences) const;
  Result<Matrix<float>> RunSideBySide(const SideBySide& method, std::span<const int32_t> tokens);
  Status CheckTokens(std::span<const int32_t> tokens) const;
  void SetEncode(int64_t mel_frames);
  void SetDecode(int64_t tokens, int64_t position);
  Result<MatrixView> View(const Call& call, int value) const {
    return session_.View(call.method(), value, call.symbols());
  }

  Session session_;
  int64_t vocab_size_;
  int64_t max_text_tokens_;
  int64_t max_mel_frames_;
  int64_t num_mels_;
  Call encode_, decode_;
  SideBySide decode_beams_, decode_windows_;
  BeamCaches caches_;
  WindowCaches window_caches_;
  int64_t num_beams_ = 0;                                              // begun
  int64_t num_windows_ = 0;                                            // kept
  int mel_ = -1, encoder_output_ = -1, token_ids_ = -1, logits_ = -1;  // values
  int64_t encoded_frames_ = 0;                                         // S of the last window; 0: none
};

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_ENGINE_NETWORK_H_
