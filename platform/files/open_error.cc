// OpenError.
#include "platform/files/open_error.h"

#include <cerrno>
#include <cstring>

namespace earshot {
namespace {

const char* Remedy(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "; check the path";
    case EACCES:
    case EPERM:
      return "; you need permission to read it";
    default:
      return "";
  }
}

}  // namespace

Status OpenError(const char* path, int error) {
  if (*path == '\0') {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the name of a file is empty; give the path of the file");
  }
  return Status::Error(error == ENOENT ? StatusCode::kNotFound : StatusCode::kIo, "cannot open %.300s: %s%s",
                       path, std::strerror(error), Remedy(error));
}

}  // namespace earshot
