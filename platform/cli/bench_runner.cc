// RunBench: each kind of step is warmed up once, then timed.
#include "platform/cli/bench_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "models/common/random.h"
#include "platform/cli/interrupt.h"
#include "platform/cli/op_trace.h"
#include "platform/cli/peak_memory.h"
#include "platform/cli/printable.h"
#include "platform/cli/recording.h"
#include "platform/cli/trace_file.h"
#include "runtime/kernels/kernels.h"

namespace earshot::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

double MillisecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

Status CheckInterrupt() {
  return Interrupted() ? Status::Error(StatusCode::kCancelled, "interrupted") : Status::Ok();
}

// Times `step` once for each repeat, after one run that does not count.
template <class Step>
Result<Spread> Time(int repeats, const Step& step) {
  std::vector<double> times_ms;
  for (int i = -1; i < repeats; ++i) {
    EARSHOT_RETURN_IF_ERROR(CheckInterrupt());
    const auto begin = SteadyClock::now();
    EARSHOT_RETURN_IF_ERROR(step());
    if (i >= 0) times_ms.push_back(MillisecondsSince(begin));
  }
  return SpreadOf(std::move(times_ms));
}

// A window of noise as loud as speech.
std::vector<float> SyntheticAudio(double seconds) {
  std::vector<float> samples(static_cast<size_t>(seconds * speech::kSampleRateHz));
  Pcg32 random(1);
  for (float& sample : samples) sample = static_cast<float>(0.2 * random.NextUnit() - 0.1);
  return samples;
}

Result<std::vector<float>> FirstWindow(const std::string& path, double window_s) {
  EARSHOT_ASSIGN_OR_RETURN(Recording recording, Recording::Open(path));
  const auto window = static_cast<int64_t>(window_s * speech::kSampleRateHz);
  std::vector<float> samples(static_cast<size_t>(std::min(recording.total_samples(), window)));
  EARSHOT_RETURN_IF_ERROR(recording.Read(0, samples));
  return samples;
}

Result<Spread> TimeLoading(const LoadedModel& loaded, const BenchPlan& plan) {
  // Loading a large model takes seconds, and varies little.
  constexpr int kMaxRepeats = 5;
  return Time(std::min(plan.repeats, kMaxRepeats), [&] {
    EARSHOT_ASSIGN_OR_RETURN(const LoadedModel model,
                             LoadedModel::Load(loaded.path(), {plan.num_threads, loaded.packed_weights()}));
    return CreateSpeechModel(model).status();
  });
}

Status TimeTokens(BenchTarget& target, const BenchPlan& plan, BenchReport& report) {
  const int64_t first = target.prompt_tokens();
  const auto count = static_cast<size_t>(std::min<int64_t>(plan.num_tokens, target.max_tokens() - first));
  std::vector<std::vector<double>> by_position(count);
  std::vector<double> all;
  for (int repeat = 0; repeat < plan.repeats; ++repeat) {
    EARSHOT_RETURN_IF_ERROR(target.Prefill());
    for (size_t i = 0; i < count; ++i) {
      EARSHOT_RETURN_IF_ERROR(CheckInterrupt());
      const auto begin = SteadyClock::now();
      EARSHOT_RETURN_IF_ERROR(target.Step(first + static_cast<int64_t>(i)));
      by_position[i].push_back(MillisecondsSince(begin));
      all.push_back(by_position[i].back());
    }
  }
  report.token_ms = SpreadOf(std::move(all));
  for (std::vector<double>& times_ms : by_position)
    report.token_position_ms.push_back(SpreadOf(std::move(times_ms)).median);
  return Status::Ok();
}

Result<TranscriptionTimes> TimeTranscription(SpeechModel& model, const BenchPlan& plan) {
  EARSHOT_ASSIGN_OR_RETURN(Recording recording, Recording::Open(plan.audio_path));
  TranscriptionTimes times;
  std::vector<double> features_ms, encode_ms, decode_ms;
  TranscribeOptions options;
  options.temperatures =
      options.temperatures.first(1);  // the same work in every repeat, and in every program compared with
  const Sink sink{.should_stop = [](void*) { return Interrupted(); }};
  auto total = Time(plan.repeats, [&]() -> Status {
    Summary summary;
    EARSHOT_RETURN_IF_ERROR(model.Transcribe(recording, options, sink, summary));
    features_ms.push_back(summary.features_ms);
    encode_ms.push_back(summary.encode_ms);
    decode_ms.push_back(summary.decode_ms);
    times.audio_s = static_cast<double>(summary.audio_ms) / 1000;
    times.windows = summary.windows;
    times.tokens = summary.tokens;
    return Status::Ok();
  });
  if (!total.ok()) return total.status();
  for (std::vector<double>* phase : {&features_ms, &encode_ms, &decode_ms})
    phase->erase(phase->begin());  // the warm-up
  times.total_ms = total.value();
  times.features_ms = SpreadOf(std::move(features_ms));
  times.encode_ms = SpreadOf(std::move(encode_ms));
  times.decode_ms = SpreadOf(std::move(decode_ms));
  return times;
}

// A short utterance: from the last sample to the first word.
Status TimeFirstToken(BenchTarget& target, const BenchPlan& plan, std::span<const float> audio,
                      BenchReport& report) {
  constexpr size_t kUtteranceSamples = 3 * speech::kSampleRateHz;
  const std::span<const float> utterance = audio.first(std::min(audio.size(), kUtteranceSamples));
  report.first_token_audio_s = static_cast<double>(utterance.size()) / speech::kSampleRateHz;
  EARSHOT_ASSIGN_OR_RETURN(report.first_token_ms, Time(plan.repeats, [&]() -> Status {
                             EARSHOT_RETURN_IF_ERROR(target.EncodeAudio(utterance));
                             EARSHOT_RETURN_IF_ERROR(target.Prefill());
                             return target.Step(target.prompt_tokens());
                           }));
  return Status::Ok();
}

Status TimeSteps(BenchTarget& target, const BenchPlan& plan, BenchReport& report) {
  report.window_s = target.window_s();
  report.prompt_tokens = target.prompt_tokens();
  std::vector<float> audio = SyntheticAudio(target.window_s());
  if (!plan.audio_path.empty()) {
    EARSHOT_ASSIGN_OR_RETURN(audio, FirstWindow(plan.audio_path, target.window_s()));
  }
  EARSHOT_ASSIGN_OR_RETURN(report.encode_ms, Time(plan.repeats, [&] { return target.Encode(); }));
  EARSHOT_ASSIGN_OR_RETURN(report.encode_audio_ms,
                           Time(plan.repeats, [&] { return target.EncodeAudio(audio); }));
  EARSHOT_ASSIGN_OR_RETURN(report.prefill_ms, Time(plan.repeats, [&] { return target.Prefill(); }));
  EARSHOT_RETURN_IF_ERROR(TimeFirstToken(target, plan, audio, report));
  return TimeTokens(target, plan, report);
}

}  // namespace

Result<BenchReport> RunBench(const std::string& model_path, const BenchPlan& plan) {
  EARSHOT_ASSIGN_OR_RETURN(LoadedModel model,
                           LoadedModel::Load(model_path, {plan.num_threads, plan.packed_weights}));
  BenchReport report{.path = model_path,
                     .family = Printable(model.program().family()),
                     .name = model.program().model().name() == nullptr
                                 ? ""
                                 : Printable(model.program().model().name()->string_view()),
                     .cpu = ReadCpuInfo(),
                     .simd_level = kernels::SimdTargetName(),
                     .num_threads = plan.num_threads,
                     .packed_weights = model.packed_weights(),
                     .repeats = plan.repeats};
  std::optional<OpTrace> trace;
  if (!plan.trace_path.empty()) {
    EARSHOT_RETURN_IF_ERROR(CheckTracePath(plan.trace_path, {model_path, plan.audio_path}));
    model.SetObserver(trace.emplace(model.program()).observer());
  }
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SpeechModel> speech_model, CreateSpeechModel(model));
  const std::unique_ptr<BenchTarget> target = speech_model->MakeBenchTarget();
  if (target == nullptr)
    return Status::Error(StatusCode::kUnsupported, "%s: this family has no steps to measure",
                         model_path.c_str());
  report.memory = speech_model->used();
  EARSHOT_RETURN_IF_ERROR(TimeSteps(*target, plan, report));
  if (!plan.audio_path.empty()) {
    EARSHOT_ASSIGN_OR_RETURN(report.transcription, TimeTranscription(*speech_model, plan));
  }
  report.peak_memory_bytes = PeakMemoryBytes();  // before a second session adds its own
  if (trace) EARSHOT_RETURN_IF_ERROR(SaveTrace(plan.trace_path, *trace));
  EARSHOT_ASSIGN_OR_RETURN(report.load_ms, TimeLoading(model, plan));
  if (plan.roofline) {
    EARSHOT_ASSIGN_OR_RETURN(report.roofline,
                             RunRoofline(model_path, {.num_threads = plan.num_threads,
                                                      .packed_weights = model.packed_weights(),
                                                      .repeats = plan.repeats,
                                                      .num_tokens = plan.num_tokens}));
  }
  return report;
}

}  // namespace earshot::cli
