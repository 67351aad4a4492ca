// Where encoded audio comes from: a file read piece by piece, or bytes in memory. Both behave alike for
// damaged input.
#ifndef EARSHOT_PLATFORM_AUDIO_BYTE_SOURCE_H_
#define EARSHOT_PLATFORM_AUDIO_BYTE_SOURCE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "runtime/core/status.h"

namespace earshot {

// A position in a fixed number of bytes. No seek leaves [0, size_bytes], so that a decoder that trusts a
// damaged length field gets an error instead of wandering. Owns the file handle, or the bytes read from a
// pipe; borrows the bytes given to FromMemory. Threads: not thread-safe.
class ByteSource {
 public:
  enum class Origin { kBegin, kCurrent };

  // A regular file is read as needed. "-" (standard input) and pipes are read to their end into memory first.
  // Errors: those of OpenError; kIo: the operating system's words; kInvalidArgument: a directory, or a pipe
  // with more than max_pipe_bytes; kOutOfMemory.
  static Result<ByteSource> FromFile(const char* path, uint64_t max_pipe_bytes);

  // `bytes` must outlive the source.
  static ByteSource FromMemory(std::span<const std::byte> bytes);

  // From now on these bytes stand at `offset`, whatever the recording has there. For one place only.
  using Correction = std::array<std::byte, 4>;
  void Correct(uint64_t offset, const Correction& bytes) {
    corrected_offset_ = offset;
    correction_ = bytes;
  }

  // Fewer bytes than asked for only at the end, on a read error, or when the budget is used up.
  size_t Read(void* out, size_t bytes);
  bool Seek(int64_t offset, Origin origin);

  uint64_t size_bytes() const { return size_bytes_; }
  bool read_failed() const { return read_failed_; }

  // From now on only this many reads and seeks succeed. Ends the loops into which a crafted header can send a
  // decoder.
  void LimitOperations(uint64_t operations) { operations_left_ = operations; }
  void UnlimitOperations() { operations_left_ = std::numeric_limits<uint64_t>::max(); }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  ByteSource() = default;
  Status ReadPipe(std::FILE* pipe, uint64_t max_bytes, const char* name);
  bool SpendOperation();
  void ApplyCorrection(std::span<std::byte> piece) const;

  std::unique_ptr<std::FILE, CloseFile> file_;  // null: the bytes are in memory_
  std::unique_ptr<std::byte[]> pipe_bytes_;
  std::span<const std::byte> memory_;
  uint64_t size_bytes_ = 0;
  uint64_t position_ = 0;
  uint64_t operations_left_ = std::numeric_limits<uint64_t>::max();
  bool read_failed_ = false;
  std::optional<uint64_t> corrected_offset_;
  Correction correction_{};
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_AUDIO_BYTE_SOURCE_H_
