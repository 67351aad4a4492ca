// TranscribeFile: the session's callbacks turned into progress, segments and the wish to stop.
#include "platform/cli/file_transcription.h"

#include <chrono>
#include <utility>

#include "platform/cli/console.h"
#include "platform/cli/interrupt.h"
#include "platform/cli/recording.h"

namespace earshot::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

TranscriptSegment MakeSegment(const Segment& segment) {
  return {.id = segment.id,
          .start_s = static_cast<double>(segment.start_ms) / 1000,
          .end_s = static_cast<double>(segment.end_ms) / 1000,
          .text = std::string(segment.text),
          .tokens = {segment.tokens.begin(), segment.tokens.end()},
          .avg_logprob = segment.avg_logprob,
          .compression_ratio = segment.compression_ratio,
          .no_speech_prob = segment.no_speech_prob,
          .temperature = segment.temperature};
}

// What the callbacks of the session share.
struct Listener {
  const FileTranscriptionRequest& request;
  FileTranscription& result;
  SteadyClock::time_point begin;
  Status sink_status;  // of on_segment

  void UpdateClock() {
    result.progress.elapsed_s = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  }

  void OnSegment(const Segment& segment) {
    if (!sink_status.ok()) return;
    result.transcript.segments.push_back(MakeSegment(segment));
    GetConsole().ClearProgress();  // standard output may be the same terminal
    if (request.on_segment) sink_status = request.on_segment(result.transcript.segments.back());
  }

  void OnWindow(int64_t processed_ms) {
    if (request.on_window) request.on_window(processed_ms);
    OnProgress(processed_ms);
  }

  void OnProgress(int64_t processed_ms) {
    UpdateClock();
    result.progress.processed_ms = processed_ms;
    if (GetConsole().ShowsProgress())
      GetConsole().SetProgress(result.progress.name, ProgressText(result.progress));
  }
};

Sink MakeSink(Listener& listener) {
  return {
      .context = &listener,
      .on_segment = [](void* context,
                       const Segment& segment) { static_cast<Listener*>(context)->OnSegment(segment); },
      .on_progress = [](void* context, int64_t processed_ms,
                        int64_t) { static_cast<Listener*>(context)->OnWindow(processed_ms); },
      .should_stop =
          [](void* context) { return Interrupted() || !static_cast<Listener*>(context)->sink_status.ok(); }};
}

Status Transcribe(SpeechModel& model, Listener& listener) {
  FileTranscription& result = listener.result;
  EARSHOT_ASSIGN_OR_RETURN(Recording recording,
                           Recording::Open(listener.request.path, listener.request.options.batch_size));
  if (!recording.warning().ok())
    GetConsole().Warning("%s: %s", result.progress.name.c_str(), recording.warning().message());
  result.begun = true;
  result.progress.total_ms = recording.total_samples() / speech::kSamplesPerMs;
  if (listener.request.on_begin) EARSHOT_RETURN_IF_ERROR(listener.request.on_begin());
  listener.OnProgress(0);
  const Status status =
      model.Transcribe(recording, listener.request.options, MakeSink(listener), result.summary);
  if (!listener.sink_status.ok()) return listener.sink_status;  // the reason why it was cancelled
  if (status.ok()) result.progress.processed_ms = result.progress.total_ms;
  return status.ok() || status.code() == StatusCode::kCancelled
             ? status
             : status.WithContext("%s", result.progress.name.c_str());
}

}  // namespace

std::string DisplayName(const std::string& path) { return path == "-" ? "standard input" : path; }

FileTranscription TranscribeFile(SpeechModel& model, const FileTranscriptionRequest& request) {
  FileTranscription result;
  result.progress.name = DisplayName(request.path);
  Listener listener{.request = request, .result = result, .begin = SteadyClock::now(), .sink_status = {}};
  result.status = Transcribe(model, listener);
  listener.UpdateClock();
  GetConsole().ClearProgress();
  result.transcript.language = result.summary.language.data();
  result.transcript.duration_s = static_cast<double>(result.progress.total_ms) / 1000;
  return result;
}

}  // namespace earshot::cli
