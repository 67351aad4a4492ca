// A file mapped read-only into memory: how a model gets its weights without reading or copying them.
#ifndef EARSHOT_PLATFORM_FILES_MAPPED_FILE_H_
#define EARSHOT_PLATFORM_FILES_MAPPED_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "runtime/core/status.h"

namespace earshot {

// Owns the mapping; its bytes vanish with it. Page-aligned. Movable.
// Threads: reading is free; Release and destruction need the caller's care.
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

  // The form of Release that SessionOptions::release_weights takes; context is the MappedFile.
  static void ReleaseWeights(void* context, std::span<const std::byte> part) {
    static_cast<const MappedFile*>(context)->Release(part);
  }

 private:
  MappedFile(std::byte* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}

  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_FILES_MAPPED_FILE_H_
