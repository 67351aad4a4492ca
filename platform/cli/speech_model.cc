// The one place that knows which families there are.
#include "platform/cli/speech_model.h"

#include <string_view>

#include "models/whisper/config.h"
#include "platform/cli/ctc_model.h"
#include "platform/cli/moonshine_model.h"
#include "platform/cli/printable.h"
#include "platform/cli/whisper_model.h"

namespace earshot::cli {
namespace {

struct Family {
  std::string_view name;
  Result<std::unique_ptr<SpeechModel>> (*create)(const LoadedModel& model);
  Result<MemoryRequirements> (*measure)(const Program& program, const SessionOptions& options);
};

constexpr Family kFamilies[] = {{"whisper", CreateWhisperModel, MeasureWhisperModel},
                                {"moonshine", CreateMoonshineModel, MeasureMoonshineModel},
                                {"moonshine_streaming", CreateMoonshineModel, MeasureMoonshineModel},
                                {"wav2vec2", CreateCtcModel, MeasureCtcModel},
                                {"parakeet", CreateCtcModel, MeasureCtcModel}};

constexpr std::string_view kBeamMethods[] = {whisper::kBeamsMethod};
constexpr std::string_view kWindowMethods[] = {whisper::kWindowsMethod};

const Family* FindFamily(const Program& program) {
  for (const Family& family : kFamilies) {
    if (family.name == program.family()) return &family;
  }
  return nullptr;
}

}  // namespace

Status CheckNothingSideBySide(const TranscribeOptions& options) {
  if (options.beam_size <= 1 && options.batch_size <= 1) return Status::Ok();
  return Status::Error(StatusCode::kInvalidArgument,
                       "only Whisper models decode side by side; leave --beam-size and --batch-size out");
}

void MakeRoomFor(const TranscribeOptions& options, LoadedModel& model) {
  if (options.beam_size > 1) model.SetOptionalMethods(kBeamMethods);
  if (options.batch_size > 1) model.SetOptionalMethods(kWindowMethods);
}

Result<std::unique_ptr<SpeechModel>> CreateSpeechModel(const LoadedModel& model) {
  const Family* family = FindFamily(model.program());
  if (family == nullptr) {
    return Status::Error(StatusCode::kUnsupported,
                         "%s is a model of the family \"%s\", which this program cannot transcribe with",
                         model.path().c_str(), Printable(model.program().family()).c_str());
  }
  auto speech_model = family->create(model);
  if (!speech_model.ok()) return speech_model.status().WithContext("%s", model.path().c_str());
  return speech_model;
}

Result<MemoryRequirements> MeasureModel(const LoadedModel& model) {
  const Family* family = FindFamily(model.program());
  const auto measure = family == nullptr ? Session::Measure : family->measure;
  auto memory = measure(model.program(), model.session_options());
  if (!memory.ok()) return memory.status().WithContext("%s", model.path().c_str());
  return memory;
}

}  // namespace earshot::cli
