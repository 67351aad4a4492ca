// Standard output without a buffer in between.
#include "platform/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/cli/console.h"
#include "platform/cli/exit_code.h"

namespace earshot::cli {

Status WriteStandardOutput(std::string_view text) {
  // Without a buffer in between, an error belongs to the text that caused it, and there is none left at exit.
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      return Status::Error(StatusCode::kCancelled, "the reader of standard output is gone");
    } else if (errno != EINTR) {
      return Status::Error(StatusCode::kIo,
                           "cannot write to standard output: %s; free some space or write elsewhere",
                           std::strerror(errno));
    }
  }
  return Status::Ok();
}

int FinishOutput(const Status& status) {
  if (status.ok()) return kExitOk;
  if (status.code() != StatusCode::kCancelled) GetConsole().Error(status);
  return kExitFailure;
}

}  // namespace earshot::cli
