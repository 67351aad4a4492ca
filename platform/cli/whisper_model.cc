// Whisper as a SpeechModel: a WhisperSession with its memory.
#include "platform/cli/whisper_model.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "models/common/random.h"
#include "models/whisper/session.h"
#include "models/whisper/window_features.h"
#include "platform/files/memory_block.h"

namespace earshot::cli {
namespace {

using whisper::Vocabulary;
using whisper::WhisperSession;

Status ReadRecording(void* context, int64_t first_sample, std::span<float> samples) {
  return static_cast<Recording*>(context)->Read(first_sample, samples);
}

std::string LanguageList(const fb::Model& model, const Vocabulary& vocabulary) {
  std::vector<std::string> codes;
  for (const fb::NamedToken* token : *model.tokenizer()->special_tokens()) {
    const std::string_view code = vocabulary.LanguageCode(static_cast<int32_t>(token->id()));
    if (!code.empty()) codes.emplace_back(code);
  }
  std::sort(codes.begin(), codes.end());
  std::string list;
  for (const std::string& code : codes) list += " " + code;
  return list;
}

class WhisperBench final : public BenchTarget {
 public:
  explicit WhisperBench(WhisperSession& session)
      : session_(session), features_(static_cast<size_t>(session.max_mel_frames() * session.num_mels())) {
    Pcg32 random(1);
    for (float& feature : features_)
      feature = static_cast<float>(random.NextUnit() * 2 - 1);  // the range of normalized features
    const Vocabulary& vocabulary = session.vocabulary();
    prompt_ = {vocabulary.start_of_transcript};
    if (vocabulary.multilingual) {
      prompt_.push_back(vocabulary.FindLanguage("en"));
      prompt_.push_back(vocabulary.transcribe);
    }
    prompt_.push_back(vocabulary.no_timestamps);
  }

  double window_s() const override {
    return static_cast<double>(session_.max_mel_frames() * whisper::kMelFrameMs) / 1000;
  }
  Status Encode() override {
    return session_.EncodeMel({.data = features_.data(),
                               .rows = session_.max_mel_frames(),
                               .cols = session_.num_mels(),
                               .stride = session_.num_mels()});
  }
  Status EncodeAudio(std::span<const float> audio) override { return session_.EncodeAudio(audio); }

  int64_t prompt_tokens() const override { return std::ssize(prompt_); }
  int64_t max_tokens() const override { return session_.max_text_tokens(); }
  Status Prefill() override { return session_.Decode(prompt_, 0).status(); }
  Status Step(int64_t position) override {
    constexpr int32_t kAnyText[] = {300};
    return session_.Decode(kAnyText, position).status();
  }

 private:
  WhisperSession& session_;
  std::vector<float> features_;  // [max_mel_frames, num_mels]
  std::vector<int32_t> prompt_;
};

class WhisperModel final : public SpeechModel {
 public:
  WhisperModel(const Program& program, MemoryBlock memory, WhisperSession session)
      : model_(program.model()), memory_(std::move(memory)), session_(std::move(session)) {}

  Status CheckOptions(const TranscribeOptions& options) const override {
    EARSHOT_RETURN_IF_ERROR(WhisperSession::CheckOptions(options));
    const Vocabulary& vocabulary = session_.vocabulary();
    if (english_only()) {
      const char* remedy = "convert a multilingual model, whose name has no \".en\"";
      if (options.task == Task::kTranslate) {
        return Status::Error(StatusCode::kInvalidArgument,
                             "this model knows only English and cannot translate; %s", remedy);
      }
      if (!options.language.empty() && options.language != "en") {
        return Status::Error(StatusCode::kInvalidArgument, "this model knows only English, not \"%.*s\"; %s",
                             static_cast<int>(options.language.size()), options.language.data(), remedy);
      }
    } else if (!options.language.empty() && vocabulary.FindLanguage(options.language) == whisper::kNoToken) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "the model does not know the language \"%.*s\"; it knows:%s",
                           static_cast<int>(options.language.size()), options.language.data(),
                           LanguageList(model_, vocabulary).c_str());
    }
    if (options.beam_size > session_.max_beams()) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "a beam size of %d: the model has room for %lld; convert it again",
                           options.beam_size, static_cast<long long>(session_.max_beams()));
    }
    if (options.batch_size > session_.max_windows()) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "a batch size of %d: the model has room for %lld; convert it again",
                           options.batch_size, static_cast<long long>(session_.max_windows()));
    }
    return Status::Ok();
  }

  Status Transcribe(Recording& recording, const TranscribeOptions& options, const Sink& sink,
                    Summary& summary) override {
    return session_.Transcribe(
        {.context = &recording, .total_samples = recording.total_samples(), .read = ReadRecording}, options,
        sink, &summary);
  }

  bool english_only() const override { return !session_.vocabulary().multilingual; }
  std::unique_ptr<BenchTarget> MakeBenchTarget() override { return std::make_unique<WhisperBench>(session_); }
  MemoryRequirements used() const override { return session_.used(); }

 private:
  const fb::Model& model_;
  MemoryBlock memory_;  // must outlive the session
  WhisperSession session_;
};

}  // namespace

Result<std::unique_ptr<SpeechModel>> CreateWhisperModel(const LoadedModel& model) {
  SessionOptions options = model.session_options();
  options.memory_is_zero = true;  // a MemoryBlock
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed,
                           WhisperSession::Measure(model.program(), options));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(WhisperSession session,
                           WhisperSession::Create(model.program(), memory.bytes(), options));
  return std::unique_ptr<SpeechModel>(
      std::make_unique<WhisperModel>(model.program(), std::move(memory), std::move(session)));
}

Result<MemoryRequirements> MeasureWhisperModel(const Program& program, const SessionOptions& options) {
  return WhisperSession::Measure(program, options);
}

}  // namespace earshot::cli
