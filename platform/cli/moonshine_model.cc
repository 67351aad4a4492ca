// Moonshine as a SpeechModel: a MoonshineSession with its memory.
#include "platform/cli/moonshine_model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "models/common/random.h"
#include "models/moonshine/session.h"
#include "platform/files/memory_block.h"

namespace earshot::cli {
namespace {

using moonshine::MoonshineSession;

Status ReadRecording(void* context, int64_t first_sample, std::span<float> samples) {
  return static_cast<Recording*>(context)->Read(first_sample, samples);
}

class MoonshineBench final : public BenchTarget {
 public:
  explicit MoonshineBench(MoonshineSession& session)
      : session_(session), noise_(static_cast<size_t>(session.dimensions().max_samples)) {
    Pcg32 random(1);
    for (float& sample : noise_) sample = static_cast<float>(random.NextUnit() * 0.2 - 0.1);
  }

  double window_s() const override {
    return static_cast<double>(session_.dimensions().max_samples) /
           static_cast<double>(speech::kSampleRateHz);
  }
  Status Encode() override { return session_.EncodeAudio(noise_); }
  Status EncodeAudio(std::span<const float> audio) override { return session_.EncodeAudio(audio); }

  int64_t prompt_tokens() const override { return 1; }
  int64_t max_tokens() const override { return session_.dimensions().max_tokens; }
  Status Prefill() override {
    const int32_t start = session_.dimensions().start;
    return session_.Decode({&start, 1}, 0).status();
  }
  Status Step(int64_t position) override {
    constexpr int64_t kAnyText = 300;
    const auto token = static_cast<int32_t>(std::min(kAnyText, session_.dimensions().vocab_size - 1));
    return session_.Decode({&token, 1}, position).status();
  }

 private:
  MoonshineSession& session_;
  std::vector<float> noise_;  // [max_samples]
};

class MoonshineModel final : public SpeechModel {
 public:
  MoonshineModel(MemoryBlock memory, MoonshineSession session)
      : memory_(std::move(memory)), session_(std::move(session)) {}

  Status CheckOptions(const TranscribeOptions& options) const override {
    const char* remedy = "convert a multilingual Whisper model";
    if (options.task == Task::kTranslate) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "this model knows only English and cannot translate; %s", remedy);
    }
    if (options.language.empty() || options.language == "en") return CheckNothingSideBySide(options);
    return Status::Error(StatusCode::kInvalidArgument, "this model knows only English, not \"%.*s\"; %s",
                         static_cast<int>(options.language.size()), options.language.data(), remedy);
  }

  Status Transcribe(Recording& recording, const TranscribeOptions& options, const Sink& sink,
                    Summary& summary) override {
    return session_.Transcribe(
        {.context = &recording, .total_samples = recording.total_samples(), .read = ReadRecording}, options,
        sink, &summary);
  }

  bool english_only() const override { return true; }
  std::unique_ptr<BenchTarget> MakeBenchTarget() override {
    return std::make_unique<MoonshineBench>(session_);
  }
  MemoryRequirements used() const override { return session_.used(); }

 private:
  MemoryBlock memory_;  // must outlive the session
  MoonshineSession session_;
};

}  // namespace

Result<std::unique_ptr<SpeechModel>> CreateMoonshineModel(const LoadedModel& model) {
  SessionOptions options = model.session_options();
  options.memory_is_zero = true;  // a MemoryBlock
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed,
                           MoonshineSession::Measure(model.program(), options));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(MoonshineSession session,
                           MoonshineSession::Create(model.program(), memory.bytes(), options));
  return std::unique_ptr<SpeechModel>(
      std::make_unique<MoonshineModel>(std::move(memory), std::move(session)));
}

Result<MemoryRequirements> MeasureMoonshineModel(const Program& program, const SessionOptions& options) {
  return MoonshineSession::Measure(program, options);
}

}  // namespace earshot::cli
