// A file mapped read-only into memory: how a model gets its weights without reading or copying them.
#ifndef EARSHOT_PLATFORM_FILES_MAPPED_FILE_H_
#define EARSHOT_PLATFORM_FILES_MAPPED_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "runtime/core/status.h"
#include "runtime/core/weights_file.h"

namespace earshot {

// Owns the mapping; its bytes vanish with it. Page-aligned. Movable.
// Threads: reading and Read are free; Release and destruction need the caller's care.
class MappedFile {
 public:
  // Errors: those of OpenError; kIo for a directory or an empty file.
  static Result<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

  // Gives whole pages inside `part` back to the operating system; a later read brings them in again from the
  // file. `part` lies within bytes(). Never fails: at worst the memory stays resident.
  void Release(std::span<const std::byte> part) const;

  // Copies `part`, which lies within bytes(), through the file: no page of the mapping becomes resident.
  // Never allocates. Errors: kIo if the file cannot be read any more, or has become shorter.
  Status Read(std::span<const std::byte> part, std::byte* target) const;

  // Release and Read for a session, which the mapping must outlive and not be moved in the meantime.
  WeightsFile AsWeightsFile() const;

 private:
  MappedFile(int file, std::byte* data, size_t size_bytes)
      : file_(file), data_(data), size_bytes_(size_bytes) {}

  int file_ = -1;
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_FILES_MAPPED_FILE_H_
