// The C interface over Program and WhisperSession.
#include "platform/api/earshot.h"

#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "models/whisper/session.h"
#include "platform/files/mapped_file.h"
#include "platform/threads/worker_threads.h"
#include "runtime/engine/packed_model.h"
#include "runtime/engine/program.h"
#include "runtime/memory/arena.h"

using earshot::Result;
using earshot::Status;
using earshot::StatusCode;

struct earshot_model {
  earshot::MappedFile file;
  earshot::Program program;
  std::optional<earshot::MappedFile> packed_file;
  earshot::PackedWeightsFile packed_weights;
};

// Lies at the begin of the caller's memory.
struct earshot_session {
  earshot::WorkerThreads threads;
  earshot::whisper::WhisperSession session;
};

static_assert(static_cast<int>(StatusCode::kInternal) == EARSHOT_INTERNAL_ERROR);
static_assert(sizeof(earshot_error::message) > Status::kMaxMessageBytes);

namespace {

earshot_status Report(const Status& status, earshot_error* error) {
  if (error != nullptr) std::memcpy(error->message, status.message(), std::strlen(status.message()) + 1);
  return static_cast<earshot_status>(status.code());
}

Status CheckThreads(int num_threads) {
  if (num_threads >= 1) return Status::Ok();
  return Status::Error(StatusCode::kInvalidArgument, "num_threads is %d; at least 1 is needed", num_threads);
}

earshot::SessionOptions OptionsFor(const earshot_model& model, const earshot::WorkerThreads& threads) {
  return {.pool = threads.pool(),
          .weights_file = model.file.AsWeightsFile(),
          .packed_weights = model.packed_weights,
          .ranks_nearly = true};
}

Result<size_t> MemoryBytes(const earshot_model& model, int num_threads) {
  EARSHOT_RETURN_IF_ERROR(CheckThreads(num_threads));
  EARSHOT_ASSIGN_OR_RETURN(const earshot::WorkerThreads threads,
                           earshot::WorkerThreads::Start(static_cast<size_t>(num_threads)));
  EARSHOT_ASSIGN_OR_RETURN(
      const earshot::MemoryRequirements needed,
      earshot::whisper::WhisperSession::Measure(model.program, OptionsFor(model, threads)));
  return earshot::AlignUp(sizeof(earshot_session)) + needed.total_bytes();
}

Result<earshot_session*> CreateSession(const earshot_model& model, std::span<std::byte> memory,
                                       int num_threads) {
  EARSHOT_RETURN_IF_ERROR(CheckThreads(num_threads));
  constexpr size_t kOwnBytes = earshot::AlignUp(sizeof(earshot_session));
  if (reinterpret_cast<uintptr_t>(memory.data()) % earshot::kArenaAlignment != 0 ||
      memory.size() < kOwnBytes) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "the memory must be 64-byte aligned and as large as earshot_session_memory_bytes says");
  }
  EARSHOT_ASSIGN_OR_RETURN(earshot::WorkerThreads threads,
                           earshot::WorkerThreads::Start(static_cast<size_t>(num_threads)));
  const earshot::SessionOptions options = OptionsFor(model, threads);
  EARSHOT_ASSIGN_OR_RETURN(
      earshot::whisper::WhisperSession session,
      earshot::whisper::WhisperSession::Create(model.program, memory.subspan(kOwnBytes), options));
  return new (memory.data()) earshot_session{std::move(threads), std::move(session)};
}

Result<earshot_model*> OpenModel(const char* path) {
  if (path == nullptr) return Status::Error(StatusCode::kInvalidArgument, "the path is NULL");
  EARSHOT_ASSIGN_OR_RETURN(earshot::MappedFile file, earshot::MappedFile::Open(path));
  auto program = earshot::Program::Load(file.bytes());
  if (!program.ok()) return program.status().WithContext("%s", path);
  auto* model = new (std::nothrow) earshot_model{std::move(file), program.value(), std::nullopt, {}};
  if (model == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the heap is exhausted");
  return model;
}

Status UsePackedWeights(earshot_model& model, const char* path) {
  if (path == nullptr) return Status::Error(StatusCode::kInvalidArgument, "the path is NULL");
  EARSHOT_ASSIGN_OR_RETURN(earshot::MappedFile file, earshot::MappedFile::Open(path));
  auto packed = earshot::LoadPackedWeights(model.program, file.bytes(), earshot::ThreadPool());
  if (!packed.ok()) return packed.status().WithContext("%s", path);
  model.packed_file = std::move(file);
  model.packed_weights = packed.value();
  return Status::Ok();
}

void ForwardSegment(void* context, const earshot::whisper::Segment& segment) {
  const auto& options = *static_cast<const earshot_options*>(context);
  if (options.on_segment == nullptr) return;
  const earshot_segment out = {.id = segment.id,
                               .start_ms = segment.start_ms,
                               .end_ms = segment.end_ms,
                               .text = segment.text.data(),
                               .text_bytes = segment.text.size(),
                               .avg_logprob = segment.avg_logprob,
                               .no_speech_prob = segment.no_speech_prob};
  options.on_segment(options.context, &out);
}

bool ForwardShouldStop(void* context) {
  const auto& options = *static_cast<const earshot_options*>(context);
  return options.should_stop != nullptr && options.should_stop(options.context) != 0;
}

}  // namespace

extern "C" {

earshot_status earshot_model_open(const char* path, earshot_model** model, earshot_error* error) {
  auto opened = OpenModel(path);
  *model = opened.ok() ? opened.value() : nullptr;
  return Report(opened.status(), error);
}

earshot_status earshot_model_use_packed_weights(earshot_model* model, const char* path,
                                                earshot_error* error) {
  return Report(UsePackedWeights(*model, path), error);
}

void earshot_model_close(earshot_model* model) { delete model; }

earshot_status earshot_session_memory_bytes(const earshot_model* model, int num_threads, size_t* memory_bytes,
                                            earshot_error* error) {
  const auto needed = MemoryBytes(*model, num_threads);
  *memory_bytes = needed.ok() ? needed.value() : 0;
  return Report(needed.status(), error);
}

earshot_status earshot_session_create(const earshot_model* model, void* memory, size_t memory_bytes,
                                      int num_threads, earshot_session** session, earshot_error* error) {
  auto created = CreateSession(*model, {static_cast<std::byte*>(memory), memory_bytes}, num_threads);
  *session = created.ok() ? created.value() : nullptr;
  return Report(created.status(), error);
}

void earshot_session_destroy(earshot_session* session) {
  if (session != nullptr) session->~earshot_session();
}

earshot_options earshot_default_options(void) {
  return {.language = nullptr,
          .translate = 0,
          .timestamps = 1,
          .context = nullptr,
          .on_segment = nullptr,
          .should_stop = nullptr};
}

earshot_status earshot_transcribe(earshot_session* session, const float* samples, size_t num_samples,
                                  const earshot_options* options, earshot_error* error) {
  earshot::whisper::TranscribeOptions transcribe;
  if (options->language != nullptr) transcribe.language = options->language;
  transcribe.task =
      options->translate != 0 ? earshot::whisper::Task::kTranslate : earshot::whisper::Task::kTranscribe;
  transcribe.timestamps = options->timestamps != 0;
  const earshot::whisper::Sink sink = {.context = const_cast<earshot_options*>(options),
                                       .on_segment = ForwardSegment,
                                       .should_stop = ForwardShouldStop};
  return Report(session->session.Transcribe({samples, num_samples}, transcribe, sink, nullptr), error);
}

}  // extern "C"
