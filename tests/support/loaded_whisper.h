// A Whisper model file opened, mapped and made ready, for tests that need a whole session.
#ifndef EARSHOT_TESTS_SUPPORT_LOADED_WHISPER_H_
#define EARSHOT_TESTS_SUPPORT_LOADED_WHISPER_H_

#include <memory>
#include <string>

#include "models/whisper/session.h"
#include "platform/files/mapped_file.h"
#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"

namespace earshot::test {

struct LoadedWhisper {
  // Members in order of what borrows from what.
  MappedFile file;
  WorkerThreads threads;
  Program program;
  MemoryBlock memory;
  MemoryRequirements measured;
  whisper::WhisperSession session;

  // Throws std::runtime_error with the message of the status.
  static std::unique_ptr<LoadedWhisper> Open(const std::string& path, size_t num_threads,
                                             const OpObserver& observer = {});
};

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_LOADED_WHISPER_H_
