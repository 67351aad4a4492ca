// Errors as values: Status (what went wrong, in words a user can act on) and Result<T> (a value or a Status).
#ifndef EARSHOT_RUNTIME_CORE_STATUS_H_
#define EARSHOT_RUNTIME_CORE_STATUS_H_

#include <cstdint>
#include <optional>
#include <utility>

namespace earshot {

// Grouped by who can mend it.
enum class StatusCode : uint8_t {
  kOk = 0,
  kInvalidArgument,  // the caller passed something unusable: an option, a shape, a null pointer
  kInvalidModel,     // the model file or checkpoint contradicts itself
  kInvalidAudio,     // the recording cannot be decoded
  kUnsupported,      // well-formed, but this build does not implement it
  kOutOfMemory,      // an arena is smaller than what is needed; the message holds both numbers
  kNotFound,         // a file, tensor or key is missing
  kIo,               // the operating system refused: permission, disk full, device gone
  kCancelled,        // the caller asked to stop
  kInternal,         // a broken invariant: a bug in Earshot
};

// Short lower-case name of a code, for example "invalid model". Static storage.
const char* StatusCodeName(StatusCode code);

// Success, or a code with a message. The message lives inside the object, so that making, copying and
// returning an error never allocates; longer messages are cut. Threads: distinct objects are independent.
class [[nodiscard]] Status {
 public:
  static constexpr int kMaxMessageBytes = 500;

  Status() = default;
  static Status Ok() { return {}; }

  // printf-like. Never kOk: an Error with kOk becomes kInternal.
  [[gnu::format(printf, 2, 3)]] static Status Error(StatusCode code, const char* format, ...);

  Status(const Status& other) { *this = other; }
  Status& operator=(const Status& other);

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const char* message() const { return ok() ? "" : message_; }

  // The same error with "context: " in front. No effect on success.
  [[gnu::format(printf, 2, 3)]] Status WithContext(const char* format, ...) const;

 private:
  StatusCode code_ = StatusCode::kOk;
  char message_[kMaxMessageBytes + 1];  // meaningful only if !ok(); NUL-terminated
};

// A T, or the Status that says why there is none. `value()` on an error aborts: check ok() first.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {
    if (status_.ok())
      status_ = Status::Error(StatusCode::kInternal, "a Result was made from a success without a value");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & { return value_.value(); }
  const T& value() const& { return value_.value(); }
  T&& value() && { return std::move(value_).value(); }
  T* operator->() { return &value_.value(); }
  const T* operator->() const { return &value_.value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace earshot

// Statement forms; the only two macros for error flow.
#define EARSHOT_RETURN_IF_ERROR(expression)                                                              \
  do {                                                                                                   \
    if (::earshot::Status earshot_status_ = (expression); !earshot_status_.ok()) return earshot_status_; \
  } while (false)

#define EARSHOT_CONCAT_INNER_(a, b) a##b
#define EARSHOT_CONCAT_(a, b) EARSHOT_CONCAT_INNER_(a, b)
// EARSHOT_ASSIGN_OR_RETURN(auto x, MakeX());
#define EARSHOT_ASSIGN_OR_RETURN(declaration, expression) \
  EARSHOT_ASSIGN_OR_RETURN_IMPL_(EARSHOT_CONCAT_(earshot_result_, __LINE__), declaration, expression)
#define EARSHOT_ASSIGN_OR_RETURN_IMPL_(result, declaration, expression) \
  auto result = (expression);                                           \
  if (!result.ok()) return result.status();                             \
  declaration = std::move(result).value()

#endif  // EARSHOT_RUNTIME_CORE_STATUS_H_
