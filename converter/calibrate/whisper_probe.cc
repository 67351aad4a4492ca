// The steps of a transcription that matter here: features, encoder, greedy decoding without rules.
#include "converter/calibrate/whisper_probe.h"

#include <algorithm>
#include <utility>

#include "converter/emit/memory_file.h"
#include "converter/plan/memory_planner.h"
#include "converter/plan/plan_verifier.h"
#include "models/whisper/dimensions.h"
#include "runtime/memory/arena.h"

namespace earshot::calibrate {
namespace {

using whisper::WhisperSession;

Status ReadSamples(void* context, int64_t first_sample, std::span<float> samples) {
  const auto& audio = *static_cast<const std::span<const float>*>(context);
  std::ranges::copy(audio.subspan(static_cast<size_t>(first_sample), samples.size()), samples.begin());
  return Status::Ok();
}

// Mel frames of the audio and its margin; even, and no more than the model takes.
int64_t FramesToEncode(int64_t num_samples, int64_t max_frames) {
  const int64_t frames =
      num_samples / whisper::kSamplesPerMelFrame + whisper::kDefaultMarginMs / whisper::kMelFrameMs;
  return std::min(max_frames, (frames + 1) / 2 * 2);
}

}  // namespace

int64_t WindowSamples(const ir::Graph& graph) {
  int64_t frames = 0;
  for (const ir::Method& method : graph.methods) {
    for (const ir::Symbol& symbol : method.symbols) {
      if (symbol.name == "frames") frames = std::max(frames, symbol.maximum);
    }
  }
  return frames * whisper::kMelFramesPerEncoderFrame * whisper::kSamplesPerMelFrame;
}

Result<std::unique_ptr<WhisperProbe>> WhisperProbe::Create(ir::Graph& graph, const SessionOptions& options) {
  EARSHOT_RETURN_IF_ERROR(plan::PlanMemory(graph));
  EARSHOT_RETURN_IF_ERROR(plan::VerifyPlan(graph));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock file, emit::WriteModelToMemory(graph));
  EARSHOT_ASSIGN_OR_RETURN(const Program program, Program::Load(file.bytes()));
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, WhisperSession::Measure(program, options));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(WhisperSession session, WhisperSession::Create(program, memory.bytes(), options));
  std::unique_ptr<WhisperProbe> probe(
      new WhisperProbe(std::move(file), program, std::move(memory), std::move(session)));
  EARSHOT_RETURN_IF_ERROR(probe->PrepareFeatures());
  return probe;
}

Status WhisperProbe::PrepareFeatures() {
  EARSHOT_ASSIGN_OR_RETURN(const whisper::Dimensions dimensions, whisper::ReadDimensions(program_));
  Arena measuring;
  (void)whisper::WindowFeatures::Create(dimensions.log_mel, ThreadPool(), measuring);
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(measuring.required_bytes()));
  features_memory_ = std::make_unique<MemoryBlock>(std::move(memory));
  Arena arena(features_memory_->bytes());
  EARSHOT_ASSIGN_OR_RETURN(const whisper::WindowFeatures features,
                           whisper::WindowFeatures::Create(dimensions.log_mel, ThreadPool(), arena));
  features_ = std::make_unique<whisper::WindowFeatures>(features);
  mel_.resize(static_cast<size_t>(session_.max_mel_frames() * session_.num_mels()));
  return Status::Ok();
}

Status WhisperProbe::Encode(std::span<const float> audio) {
  std::span<const float> samples = audio;
  const whisper::AudioSource source = {
      .context = &samples, .total_samples = std::ssize(audio), .read = ReadSamples};
  const int64_t num_mels = session_.num_mels();
  const Matrix<float> mel = {mel_.data(), FramesToEncode(source.total_samples, session_.max_mel_frames()),
                             num_mels, num_mels};
  features_->Reset();
  EARSHOT_RETURN_IF_ERROR(features_->Compute(source, 0, whisper::WindowPadding::kSilentAudio, mel));
  prompt_.clear();
  return session_.EncodeMel(mel);
}

Result<int32_t> WhisperProbe::Next(std::span<const int32_t> tokens, int64_t position) {
  EARSHOT_ASSIGN_OR_RETURN(const std::span<const float> logits, session_.Decode(tokens, position));
  return static_cast<int32_t>(std::ranges::max_element(logits) - logits.begin());
}

Result<int32_t> WhisperProbe::Begin() {
  const whisper::Vocabulary& vocabulary = session_.vocabulary();
  if (prompt_.empty()) {
    prompt_ = {vocabulary.start_of_transcript};
    if (vocabulary.multilingual) {
      EARSHOT_ASSIGN_OR_RETURN(const auto language, session_.DetectLanguage());
      prompt_.push_back(language.token);
      prompt_.push_back(vocabulary.transcribe);
    }
    prompt_.push_back(vocabulary.no_timestamps);
  }
  return Next(prompt_, 0);
}

Result<std::vector<int32_t>> WhisperProbe::Greedy(int64_t max_tokens) {
  EARSHOT_ASSIGN_OR_RETURN(int32_t token, Begin());
  std::vector<int32_t> tokens = {token};
  const int64_t num_prompt = std::ssize(prompt_);
  const int64_t limit = std::min(max_tokens, session_.max_text_tokens() - num_prompt);
  while (token != session_.vocabulary().end_of_text && std::ssize(tokens) < limit) {
    EARSHOT_ASSIGN_OR_RETURN(token, Next({&tokens.back(), 1}, num_prompt + std::ssize(tokens) - 1));
    tokens.push_back(token);
  }
  return tokens;
}

Result<int64_t> WhisperProbe::CountAgreeing(std::span<const int32_t> tokens) {
  EARSHOT_ASSIGN_OR_RETURN(int32_t choice, Begin());
  int64_t agreeing = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (choice == tokens[i]) ++agreeing;
    if (i + 1 == tokens.size()) break;
    EARSHOT_ASSIGN_OR_RETURN(choice,
                             Next(tokens.subspan(i, 1), std::ssize(prompt_) + static_cast<int64_t>(i)));
  }
  return agreeing;
}

}  // namespace earshot::calibrate
