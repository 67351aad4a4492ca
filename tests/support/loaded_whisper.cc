// Opening a model for tests.
#include "tests/support/loaded_whisper.h"

#include <stdexcept>
#include <string_view>
#include <utility>

#include "models/whisper/config.h"
#include "runtime/engine/packed_model.h"

namespace earshot::test {
namespace {

template <class T>
T ValueOrThrow(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return std::move(result).value();
}

}  // namespace

std::unique_ptr<LoadedWhisper> LoadedWhisper::Open(const std::string& path, const Options& wanted) {
  auto file = std::make_unique<MappedFile>(ValueOrThrow(MappedFile::Open(path)));
  WorkerThreads threads = ValueOrThrow(WorkerThreads::Start(wanted.num_threads));
  Program program = ValueOrThrow(Program::Load(file->bytes()));
  constexpr std::string_view kSideBySide[] = {whisper::kBeamsMethod, whisper::kWindowsMethod};
  SessionOptions options = {.pool = threads.pool(),
                            .weights_file = file->AsWeightsFile(),
                            .optional_methods = kSideBySide,
                            .ranks_nearly = wanted.ranks_nearly,
                            .observer = wanted.observer};
  std::unique_ptr<MappedFile> packed_file;
  if (!wanted.packed_weights.empty()) {
    packed_file = std::make_unique<MappedFile>(ValueOrThrow(MappedFile::Open(wanted.packed_weights)));
    options.packed_weights = ValueOrThrow(LoadPackedWeights(program, packed_file->bytes(), threads.pool()));
  }
  const MemoryRequirements measured = ValueOrThrow(whisper::WhisperSession::Measure(program, options));
  MemoryBlock memory = ValueOrThrow(MemoryBlock::Allocate(measured.total_bytes()));
  whisper::WhisperSession session =
      ValueOrThrow(whisper::WhisperSession::Create(program, memory.bytes(), options));
  return std::make_unique<LoadedWhisper>(LoadedWhisper{std::move(file), std::move(threads), program,
                                                       std::move(memory), measured, std::move(packed_file),
                                                       std::move(session)});
}

}  // namespace earshot::test
