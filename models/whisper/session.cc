// Memory and start-up of a Whisper session; the work is done by Transcriber and EngineNetwork.
#include "models/whisper/session.h"

#include <algorithm>
#include <new>
#include <utility>

#include "models/whisper/dimensions.h"
#include "models/whisper/engine_network.h"
#include "models/whisper/transcriber.h"
#include "runtime/memory/arena.h"

namespace earshot::whisper {
namespace {

Status ReadFromMemory(void* context, int64_t first_sample, std::span<float> samples) {
  const auto& audio = *static_cast<const std::span<const float>*>(context);
  std::ranges::copy(audio.subspan(static_cast<size_t>(first_sample), samples.size()), samples.begin());
  return {};
}

// Borrows the span itself.
AudioSource MemorySource(const std::span<const float>& audio) {
  return {.context = const_cast<std::span<const float>*>(&audio),  // read only
          .total_samples = std::ssize(audio),
          .read = ReadFromMemory};
}

}  // namespace

struct WhisperSession::Impl {
  EngineNetwork network;
  Transcriber transcriber;
  size_t own_bytes;  // besides those of the engine
};

namespace {

// Bytes that the transcription loop takes of the memory, its buffers being allocated after `impl_bytes`.
size_t OwnBytes(const Dimensions& dimensions, const ThreadPool& pool, size_t impl_bytes) {
  Arena arena;
  arena.Allocate(impl_bytes);
  // Without memory it fails, but not before the arena knows the bytes.
  (void)Transcriber::Create(dimensions, pool, arena);
  return arena.required_bytes();
}

}  // namespace

Result<MemoryRequirements> WhisperSession::Measure(const Program& program, const SessionOptions& options) {
  EARSHOT_ASSIGN_OR_RETURN(const Dimensions dimensions, ReadDimensions(program));
  EARSHOT_ASSIGN_OR_RETURN(MemoryRequirements needed, Session::Measure(program, options));
  needed.persistent_bytes += OwnBytes(dimensions, options.pool, sizeof(Impl));
  return needed;
}

Result<WhisperSession> WhisperSession::Create(const Program& program, std::span<std::byte> memory,
                                              const SessionOptions& options) {
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Measure(program, options));
  if (reinterpret_cast<uintptr_t>(memory.data()) % kArenaAlignment != 0) {
    return Status::Error(StatusCode::kInvalidArgument, "the memory is not aligned to %zu bytes",
                         kArenaAlignment);
  }
  if (memory.size() < needed.total_bytes()) {
    return Status::Error(StatusCode::kOutOfMemory, "the model needs %zu bytes, %zu were given",
                         needed.total_bytes(), memory.size());
  }
  EARSHOT_ASSIGN_OR_RETURN(const Dimensions dimensions, ReadDimensions(program));
  Arena arena(memory);
  void* impl = arena.Allocate(sizeof(Impl));
  EARSHOT_ASSIGN_OR_RETURN(const Transcriber transcriber,
                           Transcriber::Create(dimensions, options.pool, arena));
  const size_t own_bytes = arena.required_bytes();
  EARSHOT_ASSIGN_OR_RETURN(Session session, Session::Create(program, arena, options));
  EARSHOT_ASSIGN_OR_RETURN(EngineNetwork network, EngineNetwork::Create(std::move(session), dimensions));
  return WhisperSession(new (impl) Impl{std::move(network), transcriber, own_bytes});
}

WhisperSession& WhisperSession::operator=(WhisperSession&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

WhisperSession::~WhisperSession() {
  if (impl_ != nullptr) impl_->~Impl();
}

Status WhisperSession::CheckOptions(const TranscribeOptions& options) {
  return Transcriber::CheckOptions(options);
}

Status WhisperSession::Transcribe(const AudioSource& audio, const TranscribeOptions& options,
                                  const Sink& sink, Summary* summary) {
  Summary unused;
  return impl_->transcriber.Run(impl_->network, audio, options, sink, summary != nullptr ? *summary : unused);
}

Status WhisperSession::Transcribe(std::span<const float> audio, const TranscribeOptions& options,
                                  const Sink& sink, Summary* summary) {
  return Transcribe(MemorySource(audio), options, sink, summary);
}

Status WhisperSession::EncodeMel(Matrix<const float> mel) {
  EARSHOT_ASSIGN_OR_RETURN(const Matrix<float> input, impl_->network.MelInput(mel.rows));
  if (mel.cols != input.cols) {
    return Status::Error(StatusCode::kInvalidArgument, "the features have %lld mels, the model hears %lld",
                         static_cast<long long>(mel.cols), static_cast<long long>(input.cols));
  }
  for (int64_t row = 0; row < mel.rows; ++row) std::copy_n(mel.Row(row), mel.cols, input.Row(row));
  return impl_->network.Encode(mel.rows);
}

Status WhisperSession::EncodeAudio(std::span<const float> audio, const TranscribeOptions& options) {
  return impl_->transcriber.EncodeFirstWindow(impl_->network, MemorySource(audio), options);
}

Result<Matrix<const float>> WhisperSession::EncoderOutput() const { return impl_->network.EncoderOutput(); }

Result<std::span<const float>> WhisperSession::Decode(std::span<const int32_t> tokens, int64_t position) {
  EARSHOT_ASSIGN_OR_RETURN(const std::span<float> logits, impl_->network.Decode(tokens, position));
  return std::span<const float>(logits);
}

Result<Vocabulary::LanguageGuess> WhisperSession::DetectLanguage() {
  if (!vocabulary().multilingual) {
    return Status::Error(StatusCode::kUnsupported,
                         "this model knows only English: there is no language to detect");
  }
  const int32_t start[] = {vocabulary().start_of_transcript};
  EARSHOT_ASSIGN_OR_RETURN(const std::span<const float> logits, Decode(start, 0));
  return vocabulary().GuessLanguage(logits);
}

const Vocabulary& WhisperSession::vocabulary() const { return impl_->transcriber.vocabulary(); }
int64_t WhisperSession::max_mel_frames() const { return impl_->network.max_mel_frames(); }
int64_t WhisperSession::num_mels() const { return impl_->network.num_mels(); }
int64_t WhisperSession::max_beams() const { return std::max<int64_t>(1, impl_->network.max_beams()); }
int64_t WhisperSession::max_windows() const { return std::max<int64_t>(1, impl_->network.max_windows()); }
int64_t WhisperSession::max_text_tokens() const { return impl_->network.max_text_tokens(); }

MemoryRequirements WhisperSession::used() const {
  MemoryRequirements used = impl_->network.session().used();
  used.persistent_bytes += impl_->own_bytes;
  return used;
}

}  // namespace earshot::whisper
