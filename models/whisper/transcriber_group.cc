// Windows that are decoded side by side. Only the first try at each is: what is not convincing, or ends
// before its window does, is transcribed alone.
#include <algorithm>
#include <array>
#include <cstddef>

#include "models/whisper/transcriber.h"
#include "models/whisper/transcriber_recording.h"
#include "models/whisper/window_cuts.h"

namespace earshot::whisper {
namespace {

// Less audio than this behind the last word of a window is a pause.
constexpr int64_t kMinRestMs = 1000;

}  // namespace

// The first window alone finds the language.
bool Transcriber::WantsGroup(const Recording& recording) const {
  const bool knows_language = !vocabulary().multilingual || recording.language_token != kNoToken;
  return recording.options.batch_size > 1 && knows_language &&
         recording.content_ms - recording.begin_ms > recording.network.max_mel_frames() * kMelFrameMs;
}

Status Transcriber::TranscribeGroup(Recording& recording) {
  const int64_t whole_window = recording.network.max_mel_frames();
  const AudioSource audio = recording.audio;
  const int64_t content_ms = recording.content_ms;
  group_.Clear();
  int64_t longest_ms = 0;
  for (int64_t begin_ms = recording.begin_ms; content_ms - begin_ms >= kMinContentMs &&
                                              std::ssize(group_.windows()) < recording.options.batch_size;) {
    EARSHOT_ASSIGN_OR_RETURN(const int64_t end_ms,
                             FindWindowEnd(audio, begin_ms, whole_window * kMelFrameMs));
    group_.Add({.begin_ms = begin_ms, .content_ms = end_ms - begin_ms, .ends_in_pause = true});
    longest_ms = std::max(longest_ms, end_ms - begin_ms);
    begin_ms = end_ms;
  }
  const int64_t mel_frames = RightSizedFrames(longest_ms, recording.options.margin_ms, whole_window);
  EARSHOT_RETURN_IF_ERROR(EncodeGroup(recording, mel_frames));
  EARSHOT_RETURN_IF_ERROR(DecodeGroup(recording, longest_ms));
  for (const GroupedWindow& window : group_.windows()) {
    recording.begin_ms = window.span.begin_ms;
    recording.EndAt(audio, window.span.begin_ms + window.span.content_ms);
    EARSHOT_RETURN_IF_ERROR(FinishGrouped(recording, window));
    if (recording.cancelled) break;
  }
  recording.audio = audio;
  recording.content_ms = content_ms;
  return Status::Ok();
}

Status Transcriber::EncodeGroup(Recording& recording, int64_t mel_frames) {
  const AudioSource audio = recording.audio;
  int64_t kept = 0;
  for (GroupedWindow& window : group_.windows()) {
    recording.begin_ms = window.span.begin_ms;
    recording.EndAt(audio, window.span.begin_ms + window.span.content_ms);
    EARSHOT_RETURN_IF_ERROR(ComputeFeatures(recording, mel_frames));
    window.audible = !features_.inaudible();
    if (!window.audible) continue;
    const Stopwatch encode_time;
    EARSHOT_RETURN_IF_ERROR(recording.network.Encode(mel_frames));
    EARSHOT_RETURN_IF_ERROR(recording.network.KeepWindow(kept++));
    recording.summary.encode_ms += encode_time.Milliseconds();
  }
  recording.audio = audio;
  return Status::Ok();
}

Status Transcriber::DecodeGroup(Recording& recording, int64_t longest_ms) {
  const Stopwatch decode_time;
  const DecoderTables& tables = decoder_.tables();
  const TranscribeOptions options =
      Limited(recording.options, kFirstTryRate, longest_ms, tables.max_text_tokens);
  std::array<int32_t, WindowDecoder::kMaxPromptTail> room;
  const std::span<const int32_t> tail = decoder_.PromptTail(recording.language_token, options, room);
  std::array<int32_t, WindowDecoder::kMaxPromptTail + 1> prompt = {tables.vocabulary.start_of_transcript};
  std::ranges::copy(tail, prompt.begin() + 1);
  const auto prompt_tokens = static_cast<int64_t>(tail.size()) + 1;
  const LogitRules rules(tables.vocabulary, tables.lists, options.timestamps);
  const GenerationRequest request = {
      .vocabulary = tables.vocabulary,
      .rules = rules,
      .sink = recording.sink,
      .prompt_tokens = prompt_tokens,
      .max_tokens = std::min(WantedTokens(options, tables.max_text_tokens),
                             recording.network.max_window_tokens() + 1 - prompt_tokens),
      .stop_loops = options.stop_loops};
  EARSHOT_RETURN_IF_ERROR(
      group_.Decode(request, std::span<const int32_t>(prompt).first(static_cast<size_t>(prompt_tokens)),
                    recording.network));
  for (const GroupedWindow& window : group_.windows()) {
    recording.summary.tokens += window.generation.num_tokens;
    recording.summary.loops_stopped += window.generation.looped ? 1 : 0;
  }
  recording.summary.decode_ms += decode_time.Milliseconds();
  return Status::Ok();
}

Status Transcriber::FinishGrouped(Recording& recording, const GroupedWindow& window) {
  const int64_t content_ms = window.span.content_ms, end_ms = window.span.begin_ms + content_ms;
  if (!window.audible) return SkipWindow(recording, content_ms);
  WindowTranscript transcript = {.tokens = window.generation.tokens.tokens(),
                                 .language_token = recording.language_token,
                                 .attempts = 1,
                                 .truncated = window.generation.truncated,
                                 .cancelled = window.generation.cancelled};
  EARSHOT_ASSIGN_OR_RETURN(transcript.score, decoder_.Score(window.generation, window.no_speech_prob));
  int64_t least_ms = kMinContentMs;
  if (transcript.cancelled || IsConvincing(recording.options, vocabulary(), transcript)) {
    EARSHOT_RETURN_IF_ERROR(AcceptWindow(recording, transcript, window.span));
    least_ms = kMinRestMs;
  } else {
    ++recording.summary.reencoded_windows;
    ++recording.summary.fallbacks;
  }
  while (!recording.cancelled && end_ms - recording.begin_ms >= least_ms)
    EARSHOT_RETURN_IF_ERROR(TranscribeWindow(recording));
  if (!recording.cancelled) recording.begin_ms = end_ms;
  return Status::Ok();
}

}  // namespace earshot::whisper
