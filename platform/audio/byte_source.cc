// ByteSource: POSIX files, pipes and memory.
#include "platform/audio/byte_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "platform/files/open_error.h"

namespace earshot {
namespace {

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

Status SystemError(const char* name) {
  return Status::Error(StatusCode::kIo, "%s: %s", name, std::strerror(errno));
}

}  // namespace

Result<ByteSource> ByteSource::FromFile(const char* path, uint64_t max_pipe_bytes) {
  ByteSource source;
  if (std::strcmp(path, "-") == 0) {
    EARSHOT_RETURN_IF_ERROR(source.ReadPipe(stdin, max_pipe_bytes, "standard input"));
    return source;
  }
  source.file_.reset(std::fopen(path, "rb"));
  if (source.file_ == nullptr) return OpenError(path, errno);
  struct stat properties{};
  if (fstat(fileno(source.file_.get()), &properties) != 0) return SystemError(path);
  if (S_ISDIR(properties.st_mode)) {
    return Status::Error(StatusCode::kInvalidArgument, "%s is a directory; name an audio file in it", path);
  }
  if (S_ISREG(properties.st_mode)) {
    source.size_bytes_ = static_cast<uint64_t>(properties.st_size);
    return source;
  }
  const auto pipe = std::exchange(source.file_, nullptr);
  EARSHOT_RETURN_IF_ERROR(source.ReadPipe(pipe.get(), max_pipe_bytes, path));
  return source;
}

ByteSource ByteSource::FromMemory(std::span<const std::byte> bytes) {
  ByteSource source;
  source.memory_ = bytes;
  source.size_bytes_ = bytes.size();
  return source;
}

Status ByteSource::ReadPipe(std::FILE* pipe, uint64_t max_bytes, const char* name) {
  max_bytes = std::min<uint64_t>(max_bytes, std::numeric_limits<size_t>::max() / 4);
  size_t capacity = 0;
  size_t size = 0;
  for (;;) {
    if (size == capacity) {
      // One byte above the limit tells "exactly max_bytes" from "more".
      const uint64_t wanted = std::min<uint64_t>(std::max<uint64_t>(2 * capacity, kMebibyte), max_bytes + 1);
      std::unique_ptr<std::byte[]> larger(new (std::nothrow) std::byte[static_cast<size_t>(wanted)]);
      if (larger == nullptr) {
        return Status::Error(StatusCode::kOutOfMemory,
                             "%s: no memory for more than %zu bytes; pass a file instead", name, size);
      }
      if (size > 0) std::memcpy(larger.get(), pipe_bytes_.get(), size);
      pipe_bytes_ = std::move(larger);
      capacity = static_cast<size_t>(wanted);
    }
    const size_t count = std::fread(pipe_bytes_.get() + size, 1, capacity - size, pipe);
    size += count;
    if (size > max_bytes) {
      return Status::Error(
          StatusCode::kInvalidArgument,
          "%s holds more than the limit of %.1f MiB; pass a file instead, or raise max_bytes", name,
          static_cast<double>(max_bytes) / static_cast<double>(kMebibyte));
    }
    if (count == 0) break;
  }
  if (std::ferror(pipe) != 0) return SystemError(name);
  memory_ = {pipe_bytes_.get(), size};
  size_bytes_ = size;
  return Status::Ok();
}

bool ByteSource::SpendOperation() {
  if (operations_left_ == 0) return false;
  --operations_left_;
  return true;
}

size_t ByteSource::Read(void* out, size_t bytes) {
  if (!SpendOperation()) return 0;
  size_t count = static_cast<size_t>(std::min<uint64_t>(bytes, size_bytes_ - position_));
  if (count == 0) return 0;
  if (file_ != nullptr) {
    count = std::fread(out, 1, count, file_.get());
    if (std::ferror(file_.get()) != 0) read_failed_ = true;
  } else {
    std::memcpy(out, memory_.data() + position_, count);
  }
  ApplyCorrection({static_cast<std::byte*>(out), count});
  position_ += count;
  return count;
}

// `piece` was read from position_ on.
void ByteSource::ApplyCorrection(std::span<std::byte> piece) const {
  for (size_t i = 0; corrected_offset_ && i < correction_.size(); ++i) {
    const uint64_t offset = *corrected_offset_ + i;
    if (offset >= position_ && offset - position_ < piece.size())
      piece[static_cast<size_t>(offset - position_)] = correction_[i];
  }
}

bool ByteSource::Seek(int64_t offset, Origin origin) {
  if (!SpendOperation()) return false;
  const uint64_t base = origin == Origin::kBegin ? 0 : position_;
  const uint64_t distance =
      offset < 0 ? uint64_t{0} - static_cast<uint64_t>(offset) : static_cast<uint64_t>(offset);
  if (offset < 0 ? distance > base : distance > size_bytes_ - base) return false;
  const uint64_t target = offset < 0 ? base - distance : base + distance;
  if (file_ != nullptr && fseeko(file_.get(), static_cast<off_t>(target), SEEK_SET) != 0) return false;
  position_ = target;
  return true;
}

}  // namespace earshot
