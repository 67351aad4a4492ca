// Memory, and the loop over the pieces of a recording.
#include "models/wav2vec2/session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <string_view>
#include <utility>

#include "models/common/quiet_cut.h"
#include "models/common/token_decoder.h"
#include "models/loops/loop.h"
#include "models/loops/method_run.h"
#include "models/wav2vec2/ctc_text.h"
#include "runtime/memory/arena.h"

namespace earshot::wav2vec2 {
namespace {

using flatbuffers::uoffset_t;
using speech::AudioSource;
using speech::kSamplesPerMs;
using speech::Sink;
using speech::Summary;
using Clock = std::chrono::steady_clock;

constexpr const char kMethod[] = "forward", kAudio[] = "input_values", kBest[] = "argmax";
// Nothing that was once a recording; sums of its squares stay finite.
constexpr float kMaxSample = 1e6f;
// Wav2Vec2FeatureExtractor adds it to the variance.
constexpr double kVarianceEpsilon = 1e-7;

struct Dimensions {
  int64_t min_samples = 1;
  int64_t max_samples = 1;
  int32_t blank = 0;
  bool normalizes = false;  // recordings are brought to zero mean and unit variance
  TokenDecoder pieces;
  size_t max_piece_bytes = 1;
};

Result<const fb::Symbol*> FindSamples(const Program& program) {
  const int index = program.FindMethod(kMethod);
  if (index >= 0) {
    for (const fb::Symbol* symbol :
         *program.model().methods()->Get(static_cast<uoffset_t>(index))->symbols()) {
      if (symbol->name()->string_view() == "samples") return symbol;
    }
  }
  return Status::Error(StatusCode::kInvalidModel,
                       "the model has no method \"%s\" over \"samples\": convert it again", kMethod);
}

double SettingOr(const fb::Loop& loop, std::string_view key, double absent) {
  for (const fb::Setting* setting : *loop.settings()) {
    if (setting->key()->string_view() == key) return setting->value();
  }
  return absent;
}

Result<Dimensions> ReadDimensions(const Program& program) {
  if (program.family() != "wav2vec2") {
    return Status::Error(StatusCode::kInvalidArgument,
                         "this is a model of the family \"%.*s\", not a Wav2Vec2 model",
                         static_cast<int>(program.family().size()), program.family().data());
  }
  const fb::Tokenizer* tokenizer = program.model().tokenizer();
  const fb::Loop* loop = loops::FindLoop(program.model(), "ctc_nll");
  if (tokenizer == nullptr || tokenizer->piece_offsets()->size() < 2 || loop == nullptr) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the model file has no tokenizer or no loop \"ctc_nll\": convert a directory with "
                         "vocab.json");
  }
  const int32_t vocab_size = static_cast<int32_t>(tokenizer->piece_offsets()->size()) - 1;
  EARSHOT_ASSIGN_OR_RETURN(
      const TokenDecoder pieces,
      TokenDecoder::Create({tokenizer->piece_bytes()->data(), tokenizer->piece_bytes()->size()},
                           {tokenizer->piece_offsets()->data(), tokenizer->piece_offsets()->size()},
                           vocab_size));
  EARSHOT_ASSIGN_OR_RETURN(const fb::Symbol* samples, FindSamples(program));
  Dimensions dimensions = {.min_samples = samples->minimum(),
                           .max_samples = samples->maximum(),
                           .blank = static_cast<int32_t>(SettingOr(*loop, "blank", 0)),
                           .normalizes = SettingOr(*loop, "normalize", 0) != 0,
                           .pieces = pieces};
  for (int32_t token = 0; token < vocab_size; ++token)
    dimensions.max_piece_bytes = std::max(dimensions.max_piece_bytes, pieces.Bytes(token).size());
  return dimensions;
}

// Takes the memory; from a measuring arena nullptr.
Result<CtcBuffers> TakeBuffers(const Dimensions& dimensions, Arena& arena) {
  // A frame needs more than one sample, whatever the convolutions.
  const auto max_frames = static_cast<size_t>(dimensions.max_samples / 2 + 1);
  const size_t text_bytes = max_frames * dimensions.max_piece_bytes;
  auto* tokens = arena.AllocateArray<int32_t>(max_frames);
  auto* text = arena.AllocateArray<char>(text_bytes + 1);
  if (tokens == nullptr || text == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "session: %zu bytes given, %zu needed",
                         arena.capacity_bytes(), arena.required_bytes());
  }
  text[0] = ' ';  // a segment begins with a space, as those of all families
  return CtcBuffers{.tokens = {tokens, max_frames}, .text = {text + 1, text_bytes}};
}

void Standardize(std::span<float> samples) {
  double sum = 0.0, squares = 0.0;
  for (const float sample : samples) sum += static_cast<double>(sample);
  const double mean = sum / static_cast<double>(samples.size());
  for (const float sample : samples) {
    const double distance = static_cast<double>(sample) - mean;
    squares += distance * distance;
  }
  const double deviation = std::sqrt(squares / static_cast<double>(samples.size()) + kVarianceEpsilon);
  for (float& sample : samples) sample = static_cast<float>((static_cast<double>(sample) - mean) / deviation);
}

double MillisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

}  // namespace

struct CtcSession::Impl {
  Session session;
  Dimensions dimensions;
  CtcBuffers buffers;
  size_t own_bytes;  // besides those of the engine

  Result<int64_t> ReadPiece(const AudioSource& audio, int64_t begin, std::span<float> input) const;
  Status TranscribePiece(const AudioSource& audio, int64_t& begin, const Sink& sink, Summary& summary);
  Status Emit(std::span<const int32_t> best, int64_t begin, int64_t samples, const Sink& sink,
              Summary& summary);
};

Result<MemoryRequirements> CtcSession::Measure(const Program& program, const SessionOptions& options) {
  EARSHOT_ASSIGN_OR_RETURN(const Dimensions dimensions, ReadDimensions(program));
  EARSHOT_ASSIGN_OR_RETURN(MemoryRequirements needed, Session::Measure(program, options));
  Arena arena;
  arena.Allocate(sizeof(Impl));
  (void)TakeBuffers(dimensions, arena);  // without memory it fails, but not before the arena knows the bytes
  needed.persistent_bytes += arena.required_bytes();
  return needed;
}

Result<CtcSession> CtcSession::Create(const Program& program, std::span<std::byte> memory,
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
  void* place = arena.Allocate(sizeof(Impl));
  EARSHOT_ASSIGN_OR_RETURN(const CtcBuffers buffers, TakeBuffers(dimensions, arena));
  const size_t own_bytes = arena.required_bytes();
  EARSHOT_ASSIGN_OR_RETURN(Session session, Session::Create(program, arena, options));
  return CtcSession(new (place) Impl{std::move(session), dimensions, buffers, own_bytes});
}

CtcSession& CtcSession::operator=(CtcSession&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

CtcSession::~CtcSession() {
  if (impl_ != nullptr) impl_->~Impl();
}

// The piece that begins there, in `input`; returns its samples.
Result<int64_t> CtcSession::Impl::ReadPiece(const AudioSource& audio, int64_t begin,
                                            std::span<float> input) const {
  const int64_t rest = audio.total_samples - begin, count = std::min(rest, dimensions.max_samples);
  const std::span<float> samples = input.first(static_cast<size_t>(count));
  EARSHOT_RETURN_IF_ERROR(audio.read(audio.context, begin, samples));
  if (!std::ranges::all_of(samples, [](float sample) { return std::fabs(sample) < kMaxSample; })) {
    return Status::Error(
        StatusCode::kInvalidAudio,
        "the audio has samples that are no numbers or far outside of +-1, in the %lld ms from %lld ms on",
        static_cast<long long>(count / kSamplesPerMs), static_cast<long long>(begin / kSamplesPerMs));
  }
  return rest <= count ? count : FindQuietCut(samples, {.earliest = (count + 1) / 2});
}

Status CtcSession::Impl::TranscribePiece(const AudioSource& audio, int64_t& begin, const Sink& sink,
                                         Summary& summary) {
  EARSHOT_ASSIGN_OR_RETURN(loops::MethodRun method, loops::MethodRun::Bind(session, kMethod));
  EARSHOT_RETURN_IF_ERROR(method.FitInput(kAudio, dimensions.max_samples, 1));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, method.View(kAudio));
  const std::span<float> input(view.As<float>().data, static_cast<size_t>(dimensions.max_samples));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t samples, ReadPiece(audio, begin, input));
  if (samples >= dimensions.min_samples) {
    if (dimensions.normalizes) Standardize(input.first(static_cast<size_t>(samples)));
    const Clock::time_point start = Clock::now();
    EARSHOT_ASSIGN_OR_RETURN(loops::MethodRun run, loops::MethodRun::Bind(session, kMethod));
    EARSHOT_RETURN_IF_ERROR(run.FitInput(kAudio, samples, 1));
    EARSHOT_RETURN_IF_ERROR(run.Execute());
    summary.encode_ms += MillisecondsSince(start);
    ++summary.windows;
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView best, run.View(kBest));
    EARSHOT_RETURN_IF_ERROR(
        Emit({best.As<const int32_t>().data, static_cast<size_t>(best.rows)}, begin, samples, sink, summary));
  }
  begin += samples;
  return Status::Ok();
}

Status CtcSession::Impl::Emit(std::span<const int32_t> best, int64_t begin, int64_t samples, const Sink& sink,
                              Summary& summary) {
  EARSHOT_ASSIGN_OR_RETURN(const CtcText text, DecodeCtc(best, dimensions.blank, dimensions.pieces, buffers));
  summary.tokens += static_cast<int64_t>(text.num_tokens);
  const std::string_view with_space(buffers.text.data() - 1, text.num_bytes + 1);
  if (IsBlank(with_space)) return Status::Ok();
  const int64_t frames = std::ssize(best);
  const auto milliseconds = [&](int64_t frame) { return (begin + frame * samples / frames) / kSamplesPerMs; };
  const int64_t start_ms = milliseconds(text.first_frame);
  const speech::Segment segment = {.id = static_cast<int>(summary.segments++),
                                   .start_ms = start_ms,
                                   .end_ms = std::max(milliseconds(text.end_frame), start_ms + 1),
                                   .text = with_space,
                                   .tokens = std::span<const int32_t>(buffers.tokens).first(text.num_tokens)};
  if (sink.on_segment != nullptr) sink.on_segment(sink.context, segment);
  return Status::Ok();
}

Status CtcSession::Transcribe(const AudioSource& audio, const speech::TranscribeOptions& options,
                              const Sink& sink, Summary* summary) {
  Summary unused;
  Summary& filled = summary != nullptr ? *summary : unused;
  filled = {};
  if (audio.total_samples < 0 || audio.read == nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "%lld samples of audio, or no function to read them",
                         static_cast<long long>(audio.total_samples));
  }
  if (options.task == speech::Task::kTranslate)
    return Status::Error(StatusCode::kInvalidArgument, "this model cannot translate");
  filled.audio_ms = audio.total_samples / kSamplesPerMs;
  for (int64_t begin = 0; begin < audio.total_samples;) {
    if (sink.should_stop != nullptr && sink.should_stop(sink.context)) {
      return Status::Error(StatusCode::kCancelled, "stopped at %lld of %lld ms",
                           static_cast<long long>(begin / kSamplesPerMs),
                           static_cast<long long>(filled.audio_ms));
    }
    EARSHOT_RETURN_IF_ERROR(impl_->TranscribePiece(audio, begin, sink, filled));
    if (sink.on_progress != nullptr) sink.on_progress(sink.context, begin / kSamplesPerMs, filled.audio_ms);
  }
  return Status::Ok();
}

MemoryRequirements CtcSession::used() const {
  MemoryRequirements used = impl_->session.used();
  used.persistent_bytes += impl_->own_bytes;
  return used;
}

}  // namespace earshot::wav2vec2
