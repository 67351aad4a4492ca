// Writing files whole or not at all, on POSIX.
#include "platform/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

namespace earshot {
namespace {

// Below what one write() takes on every system.
constexpr size_t kMaxWriteBytes = size_t{1} << 30;
constexpr mode_t kPermissionBits = 07777;
constexpr mode_t kNewFileMode = 0666;  // less the umask

const char* Remedy(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space or choose another directory";
    case ENOENT:
      return "; create the directory first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; choose a place that you may write to";
    default:
      return "";
  }
}

Status WriteError(const std::string& path, int error) {
  return Status::Error(error == ENOENT ? StatusCode::kNotFound : StatusCode::kIo,
                       "cannot write \"%.300s\": %s%s", path.c_str(),
                       std::generic_category().message(error).c_str(), Remedy(error));
}

template <class Call>
auto RetryInterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<size_t>(slash, 1));
}

struct Target {
  std::string path;            // links resolved
  std::optional<mode_t> mode;  // permissions to keep, of an existing file
};

Result<Target> ResolveTarget(const std::string& path) {
  if (path.empty()) return Status::Error(StatusCode::kInvalidArgument, "cannot write a file without a name");
  Target target{.path = path, .mode = std::nullopt};
  struct stat info = {};
  const bool is_link = lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT || path.back() == '/') return WriteError(path, errno);
    if (!is_link) return target;
    return Status::Error(
        StatusCode::kNotFound,
        "cannot write \"%.300s\": it is a link to a file that does not exist; remove the link", path.c_str());
  }
  // Putting a file in the place of a device or a pipe would destroy it for every other program.
  if (!S_ISREG(info.st_mode)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "cannot write \"%.300s\": it is not a regular file; give the name of a file",
                         path.c_str());
  }
  char resolved[PATH_MAX];
  if (is_link && realpath(path.c_str(), resolved) == nullptr) return WriteError(path, errno);
  if (is_link) target.path = resolved;
  // Renaming would get around a write protection.
  if (access(target.path.c_str(), W_OK) != 0) return WriteError(path, errno);
  target.mode = info.st_mode & kPermissionBits;
  return target;
}

// A name no other writer of this or another process uses; a leftover of a dead process with our number is
// skipped.
int OpenTemporary(const std::string& directory, std::string* temporary_path) {
  static std::atomic<unsigned> next_number{0};
  const std::string prefix = directory + "/.earshot-" + std::to_string(getpid()) + "-";
  constexpr int kMaxAttempts = 100;
  int descriptor = -1;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    *temporary_path = prefix + std::to_string(next_number.fetch_add(1)) + ".part";
    descriptor = RetryInterrupted(
        [&] { return open(temporary_path->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFileMode); });
    if (descriptor >= 0 || errno != EEXIST) break;
  }
  return descriptor;
}

// The new name survives a power cut only once the directory is on the disk too. The content is complete
// either way and some file systems refuse, so a failure is none of the caller's business.
void SyncDirectory(const std::string& directory) {
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  RetryInterrupted([&] { return fsync(descriptor); });
  close(descriptor);
}

}  // namespace

Result<AtomicFileWriter> AtomicFileWriter::Create(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(Target target, ResolveTarget(path));
  std::string temporary_path;
  const int descriptor = OpenTemporary(DirectoryOf(target.path), &temporary_path);
  if (descriptor < 0) return WriteError(path, errno);
  AtomicFileWriter writer(std::move(target.path), std::move(temporary_path), descriptor);
  if (target.mode && fchmod(descriptor, *target.mode) != 0) return writer.Fail(errno);
  return writer;
}

AtomicFileWriter::AtomicFileWriter(std::string path, std::string temporary_path, int descriptor)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), descriptor_(descriptor) {}

AtomicFileWriter::AtomicFileWriter(AtomicFileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::move(other.temporary_path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      error_(other.error_),
      written_bytes_(other.written_bytes_) {}

AtomicFileWriter& AtomicFileWriter::operator=(AtomicFileWriter&& other) noexcept {
  if (this == &other) return *this;
  Discard();
  path_ = std::move(other.path_);
  temporary_path_ = std::move(other.temporary_path_);
  descriptor_ = std::exchange(other.descriptor_, -1);
  error_ = other.error_;
  written_bytes_ = other.written_bytes_;
  return *this;
}

AtomicFileWriter::~AtomicFileWriter() { Discard(); }

Status AtomicFileWriter::Append(std::span<const std::byte> bytes) {
  if (descriptor_ < 0) return Fail(EBADF);
  while (!bytes.empty()) {
    const size_t num_bytes = std::min(bytes.size(), kMaxWriteBytes);
    const ssize_t written = RetryInterrupted([&] { return write(descriptor_, bytes.data(), num_bytes); });
    if (written < 0) return Fail(errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
    written_bytes_ += static_cast<uint64_t>(written);
  }
  return Status::Ok();
}

Status AtomicFileWriter::Commit() {
  if (descriptor_ < 0) return Fail(EBADF);
  if (RetryInterrupted([&] { return fsync(descriptor_); }) != 0) return Fail(errno);
  // Network file systems report a full disk only here. The descriptor is gone even if close fails.
  if (close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
    const int error = errno;
    unlink(temporary_path_.c_str());
    return Fail(error);
  }
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_path_.c_str());
    return Fail(error);
  }
  SyncDirectory(DirectoryOf(path_));
  return Status::Ok();
}

Status AtomicFileWriter::Fail(int error) {
  if (error_ == 0) error_ = error;
  Discard();
  return WriteError(path_, error_);
}

void AtomicFileWriter::Discard() {
  if (descriptor_ < 0) return;
  close(std::exchange(descriptor_, -1));
  unlink(temporary_path_.c_str());
}

Status WriteFileAtomically(const std::string& path, std::initializer_list<std::string_view> parts) {
  EARSHOT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  for (const std::string_view part : parts) EARSHOT_RETURN_IF_ERROR(writer.Append(part));
  return writer.Commit();
}

}  // namespace earshot
