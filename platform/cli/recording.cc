// Recording: a sliding buffer over AudioReader.
#include "platform/cli/recording.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "platform/cli/interrupt.h"
#include "platform/files/open_error.h"

namespace earshot::cli {
namespace {

// Samples.
constexpr size_t kWindow = 30 * 16000;
constexpr size_t kBeyondWindows = 5 * 16000;    // what a window's first frame and its padding look at
constexpr size_t kBeyondStepBack = 13 * 16000;  // so that room is made now and then, not with every piece

Status Cancelled() { return Status::Error(StatusCode::kCancelled, "interrupted"); }

// All bytes that come through a pipe. poll returns at a signal, read might not.
Result<std::vector<std::byte>> ReadToEnd(int file, const std::string& name) {
  constexpr size_t kPieceBytes = size_t{1} << 16;
  const uint64_t max_bytes = AudioLimits().max_bytes;
  std::vector<std::byte> bytes;
  for (;;) {
    if (Interrupted()) return Cancelled();
    pollfd wait{.fd = file, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, -1) < 0 && errno == EINTR) continue;
    const size_t before_bytes = bytes.size();
    bytes.resize(before_bytes + kPieceBytes);
    const ssize_t count = read(file, bytes.data() + before_bytes, kPieceBytes);
    if (count < 0 && errno != EINTR) {
      return Status::Error(StatusCode::kIo, "%s: reading failed: %s", name.c_str(), std::strerror(errno));
    }
    bytes.resize(before_bytes + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return bytes;
    if (bytes.size() > max_bytes) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "%s: more than %llu MB came through a pipe; save the recording as a file",
                           name.c_str(), static_cast<unsigned long long>(max_bytes >> 20));
    }
  }
}

// Pipes and devices can be read only once. What does not exist counts as a file: opening it gives the error.
bool CanReadTwice(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode);
}

}  // namespace

Result<Recording> Recording::Open(const std::string& path, int windows) {
  const bool is_stdin = path == "-";
  Recording recording(is_stdin ? "standard input" : path,
                      static_cast<size_t>(windows) * kWindow + kBeyondWindows);
  if (is_stdin && isatty(STDIN_FILENO) == 1) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "standard input is a terminal; pipe a recording into it, or name a file");
  }
  if (is_stdin || !CanReadTwice(path)) {
    const int file = is_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return OpenError(path.c_str(), errno);
    auto bytes = ReadToEnd(file, recording.path_);
    if (!is_stdin) close(file);
    if (!bytes.ok()) return bytes.status();
    recording.encoded_ = std::move(bytes).value();
    recording.in_memory_ = true;
  }
  EARSHOT_RETURN_IF_ERROR(recording.MeasureLength());
  return recording;
}

Status Recording::Rewind() {
  auto reader = in_memory_ ? AudioReader::OpenMemory(encoded_) : AudioReader::Open(path_.c_str());
  if (!reader.ok()) return in_memory_ ? reader.status().WithContext("%s", path_.c_str()) : reader.status();
  reader_.emplace(std::move(reader).value());
  buffer_.clear();
  buffer_begin_ = 0;
  return Status::Ok();
}

Status Recording::MeasureLength() {
  buffer_.reserve(max_step_back_ + kBeyondStepBack);
  EARSHOT_RETURN_IF_ERROR(Rewind());
  for (;;) {
    if (Interrupted()) return Cancelled();
    const size_t before = buffer_.size();
    const uint64_t begin = buffer_begin_;
    EARSHOT_RETURN_IF_ERROR(ReadMore());
    if (buffer_begin_ == begin && buffer_.size() == before) break;  // the end
  }
  total_samples_ = buffer_begin_ + buffer_.size();
  warning_ = reader_->warning();
  return buffer_begin_ == 0 ? Status::Ok() : Rewind();
}

// Appends up to a second, making room by forgetting the oldest.
Status Recording::ReadMore() {
  constexpr size_t kPiece = 16000;
  if (buffer_.size() + kPiece > max_step_back_ + kBeyondStepBack) {
    const size_t forgotten = buffer_.size() - max_step_back_;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(forgotten));
    buffer_begin_ += forgotten;
  }
  const size_t before = buffer_.size();
  buffer_.resize(before + kPiece);
  auto count = reader_->Read(std::span(buffer_).subspan(before));
  buffer_.resize(before + (count.ok() ? count.value() : 0));
  return count.ok() ? Status::Ok() : count.status().WithContext("%s", path_.c_str());
}

Status Recording::Changed() const {
  return Status::Error(StatusCode::kIo, "%s became shorter while it was read; wait until it is complete",
                       path_.c_str());
}

Status Recording::Read(int64_t first_sample, std::span<float> samples) {
  const auto begin = static_cast<uint64_t>(first_sample);
  if (first_sample < 0 || begin > total_samples_ || samples.size() > total_samples_ - begin) {
    return Status::Error(StatusCode::kInvalidArgument, "%s: samples %lld to %lld are beyond its end",
                         path_.c_str(), static_cast<long long>(first_sample),
                         static_cast<long long>(begin + samples.size()));
  }
  if (begin < buffer_begin_) EARSHOT_RETURN_IF_ERROR(Rewind());
  uint64_t position = begin;
  while (!samples.empty()) {
    const uint64_t buffer_end = buffer_begin_ + buffer_.size();
    if (position < buffer_end) {
      const size_t count = std::min<size_t>(samples.size(), static_cast<size_t>(buffer_end - position));
      std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(position - buffer_begin_), count,
                  samples.begin());
      samples = samples.subspan(count);
      position += count;
    } else {
      EARSHOT_RETURN_IF_ERROR(ReadMore());
      if (buffer_begin_ + buffer_.size() == buffer_end) return Changed();
    }
  }
  return Status::Ok();
}

}  // namespace earshot::cli
