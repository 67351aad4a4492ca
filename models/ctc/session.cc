// Memory and start-up of a CTC session; the work is done by Transcriber and EngineNetwork.
#include "models/ctc/session.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "models/ctc/network.h"
#include "models/ctc/transcriber.h"
#include "runtime/memory/arena.h"

namespace earshot::ctc {
namespace {

Status ReadFromMemory(void* context, int64_t first_sample, std::span<float> samples) {
  const auto& audio = *static_cast<const std::span<const float>*>(context);
  std::ranges::copy(audio.subspan(static_cast<size_t>(first_sample), samples.size()), samples.begin());
  return Status::Ok();
}

}  // namespace

struct CtcSession::Impl {
  Session session;
  Transcriber transcriber;
  size_t own_bytes;                      // besides those of the engine
  std::optional<EngineNetwork> network;  // borrows the session where it now lies
};

Result<MemoryRequirements> CtcSession::Measure(const Program& program, const SessionOptions& options) {
  EARSHOT_ASSIGN_OR_RETURN(const Dimensions dimensions, ReadDimensions(program));
  EARSHOT_ASSIGN_OR_RETURN(MemoryRequirements needed, Session::Measure(program, options));
  Arena arena;
  arena.Allocate(sizeof(Impl));
  (void)Transcriber::Create(dimensions,
                            arena);  // without memory it fails, but not before the arena knows the bytes
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
  EARSHOT_ASSIGN_OR_RETURN(const Transcriber transcriber, Transcriber::Create(dimensions, arena));
  const size_t own_bytes = arena.required_bytes();
  EARSHOT_ASSIGN_OR_RETURN(Session session, Session::Create(program, arena, options));
  CtcSession result(new (place) Impl{std::move(session), transcriber, own_bytes, std::nullopt});
  EARSHOT_ASSIGN_OR_RETURN(const EngineNetwork network,
                           EngineNetwork::Create(result.impl_->session, dimensions));
  result.impl_->network = network;
  return result;
}

CtcSession& CtcSession::operator=(CtcSession&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

CtcSession::~CtcSession() {
  if (impl_ != nullptr) impl_->~Impl();
}

Status CtcSession::Transcribe(const speech::AudioSource& audio, const speech::TranscribeOptions& options,
                              const speech::Sink& sink, speech::Summary* summary) {
  speech::Summary unused;
  return impl_->transcriber.Run(*impl_->network, audio, options, sink,
                                summary != nullptr ? *summary : unused);
}

Status CtcSession::Hear(std::span<const float> audio) {
  return impl_->transcriber.HearFirstSegment(
      *impl_->network, {.context = &audio, .total_samples = std::ssize(audio), .read = ReadFromMemory});
}

const Dimensions& CtcSession::dimensions() const { return impl_->transcriber.dimensions(); }

MemoryRequirements CtcSession::used() const {
  MemoryRequirements used = impl_->session.used();
  used.persistent_bytes += impl_->own_bytes;
  return used;
}

}  // namespace earshot::ctc
