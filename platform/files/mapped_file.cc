// MappedFile on POSIX.
#include "platform/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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
  const int error = errno;
  close(file);
  if (data == MAP_FAILED) return OpenError(path.c_str(), error);
  // A file fresh from its writer lies in pages of 2 MB: looking up ten rows of a vocabulary would map all of
  // it.
  madvise(data, size_bytes, MADV_NOHUGEPAGE);
  return MappedFile(static_cast<std::byte*>(data), size_bytes);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_bytes_);
}

void MappedFile::Release(std::span<const std::byte> part) const {
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto first = static_cast<size_t>(part.data() - data_);
  const size_t begin = (first + page_bytes - 1) / page_bytes * page_bytes;
  const size_t end = (first + part.size()) / page_bytes * page_bytes;
  if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

}  // namespace earshot
