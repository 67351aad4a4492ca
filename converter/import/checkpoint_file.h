// Random access to the bytes of one file of a checkpoint, on disk or in memory (for tests and fuzzing).
#ifndef EARSHOT_CONVERTER_IMPORT_CHECKPOINT_FILE_H_
#define EARSHOT_CONVERTER_IMPORT_CHECKPOINT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::checkpoint {

// A fixed number of bytes. Owns the open file or the bytes. Threads: one call at a time.
class CheckpointFile {
 public:
  // kNotFound, kIo (not a regular file, or not readable), kInvalidModel (a pointer that Git LFS has put
  // there).
  static Result<CheckpointFile> Open(const std::string& path);
  static CheckpointFile FromBytes(std::string name, std::vector<std::byte> bytes);

  const std::string& name() const { return name_; }  // for messages
  uint64_t size_bytes() const { return size_bytes_; }

  // Fills `out`. kInvalidModel if the file ends before that; kIo.
  Status Read(uint64_t offset_bytes, std::span<std::byte> out);

 private:
  CheckpointFile() = default;
  Status CheckIsNoPointer();

  std::string name_;
  uint64_t size_bytes_ = 0;
  std::ifstream stream_;
  std::vector<std::byte> bytes_;  // where there is no stream
};

// Reads forward; little-endian numbers as the file formats here have them.
// Borrows the file.
class Cursor {
 public:
  explicit Cursor(CheckpointFile& file) : file_(file) {}

  uint64_t offset_bytes() const { return offset_bytes_; }
  uint64_t remaining_bytes() const { return file_.size_bytes() - offset_bytes_; }

  // `what` names the field in the error.
  Status Skip(uint64_t bytes, const char* what);
  Status ReadBytes(std::span<std::byte> out, const char* what);
  Result<std::string> ReadString(uint64_t bytes, const char* what);

  // T is an unsigned integer.
  template <class T>
  Result<T> ReadNumber(const char* what) {
    std::byte bytes[sizeof(T)];
    EARSHOT_RETURN_IF_ERROR(ReadBytes(bytes, what));
    uint64_t number = 0;
    for (size_t i = sizeof(T); i-- > 0;) number = (number << 8) | static_cast<uint64_t>(bytes[i]);
    return static_cast<T>(number);
  }

 private:
  CheckpointFile& file_;
  uint64_t offset_bytes_ = 0;  // never beyond the end
};

// The whole of a text file. kInvalidModel if it is longer than 64 MiB: the largest of a published checkpoint,
// a tokenizer, has 4 MB.
Result<std::string> ReadTextFile(const std::string& path);

std::string PathIn(const std::string& directory, const std::string& file);
bool HasFile(const std::string& directory, const std::string& file);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_CHECKPOINT_FILE_H_
