// Wav2Vec2 as a SpeechModel: a CtcSession with its memory.
#include "platform/cli/ctc_model.h"

#include <utility>

#include "models/wav2vec2/session.h"
#include "platform/files/memory_block.h"

namespace earshot::cli {
namespace {

using wav2vec2::CtcSession;

Status ReadRecording(void* context, int64_t first_sample, std::span<float> samples) {
  return static_cast<Recording*>(context)->Read(first_sample, samples);
}

class CtcModel final : public SpeechModel {
 public:
  CtcModel(MemoryBlock memory, CtcSession session)
      : memory_(std::move(memory)), session_(std::move(session)) {}

  // The file does not say which language it knows: whoever names one is believed.
  Status CheckOptions(const TranscribeOptions& options) const override {
    if (options.task != Task::kTranslate) return Status::Ok();
    return Status::Error(StatusCode::kInvalidArgument,
                         "this model cannot translate; convert a multilingual Whisper model");
  }

  Status Transcribe(Recording& recording, const TranscribeOptions& options, const Sink& sink,
                    Summary& summary) override {
    return session_.Transcribe(
        {.context = &recording, .total_samples = recording.total_samples(), .read = ReadRecording}, options,
        sink, &summary);
  }

  bool english_only() const override { return false; }
  std::unique_ptr<BenchTarget> MakeBenchTarget() override { return nullptr; }  // there is no decoder
  MemoryRequirements used() const override { return session_.used(); }

 private:
  MemoryBlock memory_;  // must outlive the session
  CtcSession session_;
};

}  // namespace

Result<std::unique_ptr<SpeechModel>> CreateCtcModel(const LoadedModel& model) {
  SessionOptions options = model.session_options();
  options.memory_is_zero = true;  // a MemoryBlock
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, CtcSession::Measure(model.program(), options));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(CtcSession session, CtcSession::Create(model.program(), memory.bytes(), options));
  return std::unique_ptr<SpeechModel>(std::make_unique<CtcModel>(std::move(memory), std::move(session)));
}

// As a network alone where it has no names for its tokens.
Result<MemoryRequirements> MeasureCtcModel(const Program& program, const SessionOptions& options) {
  if (program.model().tokenizer() == nullptr) return Session::Measure(program, options);
  return CtcSession::Measure(program, options);
}

}  // namespace earshot::cli
