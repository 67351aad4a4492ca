// Writing results to standard output so that no error goes unnoticed.
#ifndef EARSHOT_PLATFORM_CLI_OUTPUT_H_
#define EARSHOT_PLATFORM_CLI_OUTPUT_H_

#include <string_view>

#include "runtime/core/status.h"

namespace earshot::cli {

// Writes and flushes. kIo with the system's reason (a full disk); kCancelled where the reader is gone (a
// broken pipe).
Status WriteStandardOutput(std::string_view text);

// Exit code of a command whose last act was to write: reports an error, but not that the reader of a pipe has
// left, which is how `| head` ends.
int FinishOutput(const Status& status);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_OUTPUT_H_
