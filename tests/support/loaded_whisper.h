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
  std::unique_ptr<MappedFile> file;  // the session keeps its address
  WorkerThreads threads;
  Program program;
  MemoryBlock memory;
  MemoryRequirements measured;
  std::unique_ptr<MappedFile> packed_file;  // nullptr: none is used
  whisper::WhisperSession session;

  struct Options {
    size_t num_threads = 1;
    OpObserver observer = {};
    std::string packed_weights = {};  // a file; empty: pack at the start
    bool ranks_nearly = false;
  };
  // Throws std::runtime_error with the message of the status.
  static std::unique_ptr<LoadedWhisper> Open(const std::string& path, const Options& options);
};

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_LOADED_WHISPER_H_
