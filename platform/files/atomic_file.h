// Writing files whole or not at all: readers, and a program that is killed or runs out of disk space, see
// either the complete new content or what was there before.
#ifndef EARSHOT_PLATFORM_FILES_ATOMIC_FILE_H_
#define EARSHOT_PLATFORM_FILES_ATOMIC_FILE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "runtime/core/status.h"

namespace earshot {

// Collects the content in a temporary file beside the target (".earshot-<process>-<number>.part") and puts it
// in the target's place on Commit. Without Commit, destruction removes the temporary file; only a killed
// process leaves it. A symbolic link is followed, an existing file keeps its permissions, a new one gets
// those of the umask. Owns: a file descriptor and the temporary file. Threads: one object per thread. Writes
// are not buffered: append large pieces. All calls may block on the disk.
class AtomicFileWriter {
 public:
  // Errors, all naming the path and the system's reason: kInvalidArgument if the target exists and is no
  // regular file (a directory, a device, a pipe), kNotFound if its directory does not exist or it is a
  // link to nothing, else kIo.
  static Result<AtomicFileWriter> Create(const std::string& path);

  AtomicFileWriter(AtomicFileWriter&& other) noexcept;
  AtomicFileWriter& operator=(AtomicFileWriter&& other) noexcept;
  ~AtomicFileWriter();

  // kIo after any failure, then and for all calls that follow; the temporary file is gone at once, to give
  // the space back.
  Status Append(std::span<const std::byte> bytes);
  Status Append(std::string_view text) { return Append(std::as_bytes(std::span(text))); }

  // Makes the content durable and visible under the path. The object is spent, whatever comes back; after an
  // error the old file is untouched.
  Status Commit();

  uint64_t written_bytes() const { return written_bytes_; }

 private:
  AtomicFileWriter(std::string path, std::string temporary_path, int descriptor);
  Status Fail(int error);
  void Discard();

  std::string path_;
  std::string temporary_path_;
  int descriptor_ = -1;  // -1: nothing is open, the temporary file does not exist
  int error_ = 0;        // the errno of the first failure
  uint64_t written_bytes_ = 0;
};

// The parts one after the other as the content of `path`. Errors: as the class.
Status WriteFileAtomically(const std::string& path, std::initializer_list<std::string_view> parts);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_FILES_ATOMIC_FILE_H_
