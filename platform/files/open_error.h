// What to tell of a file that cannot be opened for reading.
#ifndef EARSHOT_PLATFORM_FILES_OPEN_ERROR_H_
#define EARSHOT_PLATFORM_FILES_OPEN_ERROR_H_

#include "runtime/core/status.h"

namespace earshot {

// The path, the system's words for `error` (an errno) and what to do about it. kNotFound where there is no
// such file, kInvalidArgument for an empty path, else kIo.
Status OpenError(const char* path, int error);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_FILES_OPEN_ERROR_H_
