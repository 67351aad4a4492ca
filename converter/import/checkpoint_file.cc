// Reading from files and from memory with the same bounds checks.
#include "converter/import/checkpoint_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace earshot::checkpoint {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;

// What stands in the place of a large file that a clone of a repository did not fetch, by
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
constexpr std::string_view kLfsPointerBegin = "version https://git-lfs.github.com/spec/";

}  // namespace

Result<CheckpointFile> CheckpointFile::Open(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    return Status::Error(StatusCode::kNotFound, "there is no file \"%s\"", path.c_str());
  if (!std::filesystem::is_regular_file(status)) {
    return Status::Error(StatusCode::kIo, "\"%s\" is not a regular file", path.c_str());
  }
  CheckpointFile file;
  file.name_ = std::filesystem::path(path).filename().string();
  file.size_bytes_ = std::filesystem::file_size(path, error);
  if (!error) file.stream_.open(path, std::ios::binary);
  if (error || !file.stream_.is_open()) {
    const int reason = error ? error.value() : errno;
    return Status::Error(StatusCode::kIo, "cannot read \"%s\": %s", path.c_str(), std::strerror(reason));
  }
  EARSHOT_RETURN_IF_ERROR(file.CheckIsNoPointer());
  return file;
}

Status CheckpointFile::CheckIsNoPointer() {
  std::string begin(kLfsPointerBegin.size(), '\0');
  if (size_bytes_ < begin.size()) return Status::Ok();
  EARSHOT_RETURN_IF_ERROR(Read(0, std::as_writable_bytes(std::span<char>(begin))));
  if (begin != kLfsPointerBegin) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "%s is only a Git LFS pointer to the file; run \"git lfs pull\" in its directory",
                       name_.c_str());
}

CheckpointFile CheckpointFile::FromBytes(std::string name, std::vector<std::byte> bytes) {
  CheckpointFile file;
  file.name_ = std::move(name);
  file.size_bytes_ = bytes.size();
  file.bytes_ = std::move(bytes);
  return file;
}

Status CheckpointFile::Read(uint64_t offset_bytes, std::span<std::byte> out) {
  if (offset_bytes > size_bytes_ || out.size() > size_bytes_ - offset_bytes) {
    return Status::Error(StatusCode::kInvalidModel, "%s: it ends after %llu bytes; is it complete?",
                         name_.c_str(), static_cast<unsigned long long>(size_bytes_));
  }
  if (out.empty()) return Status::Ok();
  if (!stream_.is_open()) {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_bytes), out.size(), out.begin());
    return Status::Ok();
  }
  stream_.seekg(static_cast<std::streamoff>(offset_bytes));
  stream_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  if (stream_.good()) return Status::Ok();
  stream_.clear();
  return Status::Error(StatusCode::kIo, "%s: cannot read %zu bytes from byte %llu on", name_.c_str(),
                       out.size(), static_cast<unsigned long long>(offset_bytes));
}

Status Cursor::Skip(uint64_t bytes, const char* what) {
  if (bytes > remaining_bytes()) {
    return Status::Error(StatusCode::kInvalidModel,
                         "%s: it ends at byte %llu, in the middle of %s; is it complete?",
                         file_.name().c_str(), static_cast<unsigned long long>(file_.size_bytes()), what);
  }
  offset_bytes_ += bytes;
  return Status::Ok();
}

Status Cursor::ReadBytes(std::span<std::byte> out, const char* what) {
  const uint64_t begin = offset_bytes_;
  EARSHOT_RETURN_IF_ERROR(Skip(out.size(), what));
  return file_.Read(begin, out);
}

Result<std::string> Cursor::ReadString(uint64_t bytes, const char* what) {
  const uint64_t begin = offset_bytes_;
  EARSHOT_RETURN_IF_ERROR(Skip(bytes, what));
  std::string text(static_cast<size_t>(bytes), '\0');
  EARSHOT_RETURN_IF_ERROR(file_.Read(begin, std::as_writable_bytes(std::span<char>(text))));
  return text;
}

Result<std::string> ReadTextFile(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(CheckpointFile file, CheckpointFile::Open(path));
  if (file.size_bytes() > kMaxTextBytes) {
    return Status::Error(StatusCode::kInvalidModel, "\"%s\" is longer than %llu bytes", path.c_str(),
                         static_cast<unsigned long long>(kMaxTextBytes));
  }
  return Cursor(file).ReadString(file.size_bytes(), "the text");
}

std::string PathIn(const std::string& directory, const std::string& file) {
  return (std::filesystem::path(directory) / file).string();
}

bool HasFile(const std::string& directory, const std::string& file) {
  std::error_code error;
  return std::filesystem::exists(PathIn(directory, file), error);
}

}  // namespace earshot::checkpoint
