// InputFiles on POSIX.
#include "platform/files/input_files.h"

#include <sys/stat.h>

#include <optional>

namespace earshot {
namespace {

std::optional<std::pair<dev_t, ino_t>> Identify(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return std::pair(info.st_dev, info.st_ino);
}

}  // namespace

void InputFiles::Add(const std::string& path) {
  if (const auto identity = Identify(path)) names_.emplace(*identity, path);
}

Status InputFiles::Check(const std::string& output) const {
  const auto identity = Identify(output);
  const auto input = identity ? names_.find(*identity) : names_.end();
  if (input == names_.end()) return Status::Ok();
  return Status::Error(StatusCode::kInvalidArgument,
                       "writing \"%.300s\" would replace the input \"%.300s\"; choose another output",
                       output.c_str(), input->second.c_str());
}

}  // namespace earshot
