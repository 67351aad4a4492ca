// MappedFile on POSIX.
#include "platform/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "platform/files/open_error.h"

namespace earshot {

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return OpenError(path.c_str(), errno);
  struct stat info{};
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
    close(file);
    return Status::Error(
        StatusCode::kIo, "%s is %s", path.c_str(),
        S_ISDIR(info.st_mode) ? "a directory, where a file is needed" : "empty or not a regular file");
  }
  const auto size_bytes = static_cast<size_t>(info.st_size);
  void* data = mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    close(file);
    return OpenError(path.c_str(), error);
  }
  // A file fresh from its writer lies in pages of 2 MB: a few small tensors far apart would map all of it.
  madvise(data, size_bytes, MADV_NOHUGEPAGE);
  return MappedFile(file, static_cast<std::byte*>(data), size_bytes);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  munmap(data_, size_bytes_);
  close(file_);
}

void MappedFile::Release(std::span<const std::byte> part) const {
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto first = static_cast<size_t>(part.data() - data_);
  const size_t begin = (first + page_bytes - 1) / page_bytes * page_bytes;
  const size_t end = (first + part.size()) / page_bytes * page_bytes;
  if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

Status MappedFile::Read(std::span<const std::byte> part, std::byte* target) const {
  size_t done = 0;
  while (done < part.size()) {
    const auto place = static_cast<off_t>(part.data() - data_) + static_cast<off_t>(done);
    const ssize_t count = pread(file_, target + done, part.size() - done, place);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Status::Error(StatusCode::kIo, "the file cannot be read: %s", strerror(errno));
    if (count == 0) return Status::Error(StatusCode::kIo, "the file has become shorter while in use");
    done += static_cast<size_t>(count);
  }
  return Status::Ok();
}

WeightsFile MappedFile::AsWeightsFile() const {
  return {
      .context = const_cast<MappedFile*>(this),
      .release =
          [](void* context, std::span<const std::byte> part) {
            static_cast<const MappedFile*>(context)->Release(part);
          },
      .read = [](void* context, std::span<const std::byte> part,
                 std::byte* target) { return static_cast<const MappedFile*>(context)->Read(part, target); }};
}

}  // namespace earshot
