// Status: formatting and copying without allocation.
#include "runtime/core/status.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace earshot {

const char* StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "ok";
    case StatusCode::kInvalidArgument:
      return "invalid argument";
    case StatusCode::kInvalidModel:
      return "invalid model";
    case StatusCode::kInvalidAudio:
      return "invalid audio";
    case StatusCode::kUnsupported:
      return "unsupported";
    case StatusCode::kOutOfMemory:
      return "out of memory";
    case StatusCode::kNotFound:
      return "not found";
    case StatusCode::kIo:
      return "input/output error";
    case StatusCode::kCancelled:
      return "cancelled";
    case StatusCode::kInternal:
      return "internal error";
  }
  return "unknown";
}

Status& Status::operator=(const Status& other) {
  if (this == &other) return *this;
  code_ = other.code_;
  if (!ok()) std::memcpy(message_, other.message_, std::strlen(other.message_) + 1);
  return *this;
}

Status Status::Error(StatusCode code, const char* format, ...) {
  Status status;
  status.code_ = code == StatusCode::kOk ? StatusCode::kInternal : code;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status.message_, sizeof(status.message_), format, arguments);
  va_end(arguments);
  return status;
}

Status Status::WithContext(const char* format, ...) const {
  if (ok()) return *this;
  Status status;
  status.code_ = code_;
  va_list arguments;
  va_start(arguments, format);
  const int written = std::vsnprintf(status.message_, sizeof(status.message_), format, arguments);
  va_end(arguments);
  if (written < 0 || written + 2 >= kMaxMessageBytes) return status;
  char* end = status.message_ + written;
  *end++ = ':';
  *end++ = ' ';
  const size_t room = static_cast<size_t>(status.message_ + kMaxMessageBytes - end);
  const size_t length = std::min(room, std::strlen(message_));
  std::memcpy(end, message_, length);
  end[length] = '\0';
  return status;
}

}  // namespace earshot
