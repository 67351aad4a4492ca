// CTC models as SpeechModels: a CtcSession with its memory.
#include "platform/cli/ctc_model.h"

#include <utility>
#include <vector>

#include "models/common/random.h"
#include "models/ctc/session.h"
#include "platform/files/memory_block.h"

namespace earshot::cli {
namespace {

using ctc::CtcSession;

Status ReadRecording(void* context, int64_t first_sample, std::span<float> samples) {
  return static_cast<Recording*>(context)->Read(first_sample, samples);
}

class CtcBench final : public BenchTarget {
 public:
  explicit CtcBench(CtcSession& session)
      : session_(session), noise_(static_cast<size_t>(session.dimensions().max_samples)) {
    Pcg32 random(1);
    for (float& sample : noise_) sample = static_cast<float>(random.NextUnit() * 0.2 - 0.1);
  }

  double window_s() const override {
    return static_cast<double>(session_.dimensions().max_samples) /
           static_cast<double>(speech::kSampleRateHz);
  }
  Status Encode() override { return session_.Hear(noise_); }
  Status EncodeAudio(std::span<const float> audio) override { return session_.Hear(audio); }

  // There is no decoder.
  int64_t prompt_tokens() const override { return 0; }
  int64_t max_tokens() const override { return 0; }
  Status Prefill() override { return Status::Ok(); }
  Status Step(int64_t) override { return Status::Ok(); }

 private:
  CtcSession& session_;
  std::vector<float> noise_;  // [max_samples]
};

class CtcModel final : public SpeechModel {
 public:
  CtcModel(MemoryBlock memory, CtcSession session)
      : memory_(std::move(memory)), session_(std::move(session)) {}

  Status CheckOptions(const TranscribeOptions& options) const override {
    if (options.task != Task::kTranslate) return CheckNothingSideBySide(options);
    return Status::Error(
        StatusCode::kInvalidArgument,
        "this model writes what it hears and cannot translate; convert a multilingual Whisper "
        "model");
  }

  Status Transcribe(Recording& recording, const TranscribeOptions& options, const Sink& sink,
                    Summary& summary) override {
    return session_.Transcribe(
        {.context = &recording, .total_samples = recording.total_samples(), .read = ReadRecording}, options,
        sink, &summary);
  }

  bool english_only() const override { return false; }
  std::unique_ptr<BenchTarget> MakeBenchTarget() override { return std::make_unique<CtcBench>(session_); }
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

Result<MemoryRequirements> MeasureCtcModel(const Program& program, const SessionOptions& options) {
  return CtcSession::Measure(program, options);
}

}  // namespace earshot::cli
