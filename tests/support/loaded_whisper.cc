// Opening a model for tests.
#include "tests/support/loaded_whisper.h"

#include <stdexcept>
#include <utility>

namespace earshot::test {
namespace {

template <class T>
T ValueOrThrow(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return std::move(result).value();
}

}  // namespace

std::unique_ptr<LoadedWhisper> LoadedWhisper::Open(const std::string& path, size_t num_threads,
                                                   const OpObserver& observer) {
  MappedFile file = ValueOrThrow(MappedFile::Open(path));
  WorkerThreads threads = ValueOrThrow(WorkerThreads::Start(num_threads));
  Program program = ValueOrThrow(Program::Load(file.bytes()));
  SessionOptions options = {.pool = threads.pool(), .observer = observer};
  const MemoryRequirements measured = ValueOrThrow(whisper::WhisperSession::Measure(program, options));
  MemoryBlock memory = ValueOrThrow(MemoryBlock::Allocate(measured.total_bytes()));
  whisper::WhisperSession session =
      ValueOrThrow(whisper::WhisperSession::Create(program, memory.bytes(), options));
  return std::make_unique<LoadedWhisper>(LoadedWhisper{std::move(file), std::move(threads), program,
                                                       std::move(memory), measured, std::move(session)});
}

}  // namespace earshot::test
