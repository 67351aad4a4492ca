// A Whisper graph as a running model, for measurements on speech.
#ifndef EARSHOT_CONVERTER_CALIBRATE_WHISPER_PROBE_H_
#define EARSHOT_CONVERTER_CALIBRATE_WHISPER_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "converter/ir/graph.h"
#include "models/whisper/session.h"
#include "models/whisper/window_features.h"
#include "platform/files/memory_block.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::calibrate {

// Samples of audio that fill the longest input of the encoder.
int64_t WindowSamples(const ir::Graph& graph);

// Owns file, memory and session. Threads: one call at a time.
class WhisperProbe {
 public:
  // `graph` is quantized; its memory is planned here. `options` as for a session. Errors: those of planning,
  // writing and loading a model.
  static Result<std::unique_ptr<WhisperProbe>> Create(ir::Graph& graph, const SessionOptions& options);

  // Encodes at most 30 s of audio as a transcription does at first: with a margin instead of a whole window.
  Status Encode(std::span<const float> audio);
  // [S, d] of the last Encode; valid until the next.
  Result<Matrix<const float>> EncoderOutput() const { return session_.EncoderOutput(); }

  // The text of what was encoded: the most likely token each time, until the end of the text or `max_tokens`.
  Result<std::vector<int32_t>> Greedy(int64_t max_tokens);
  // How many of the tokens would have been the most likely ones, each after those before it.
  Result<int64_t> CountAgreeing(std::span<const int32_t> tokens);

  const Program& program() const { return program_; }

 private:
  WhisperProbe(MemoryBlock file, Program program, MemoryBlock memory, whisper::WhisperSession session)
      : file_(std::move(file)), program_(program), memory_(std::move(memory)), session_(std::move(session)) {}
  Status PrepareFeatures();
  // Feeds the prompt; the first token after it.
  Result<int32_t> Begin();
  Result<int32_t> Next(std::span<const int32_t> tokens, int64_t position);

  MemoryBlock file_;  // members outlive those behind them
  Program program_;
  MemoryBlock memory_;
  whisper::WhisperSession session_;
  std::unique_ptr<MemoryBlock> features_memory_;
  std::unique_ptr<whisper::WindowFeatures> features_;
  std::vector<float> mel_;
  std::vector<int32_t> prompt_;
};

}  // namespace earshot::calibrate

#endif  // EARSHOT_CONVERTER_CALIBRATE_WHISPER_PROBE_H_
