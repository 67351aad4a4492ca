// Keeps a result from replacing a file that it is made from.
#ifndef EARSHOT_PLATFORM_FILES_INPUT_FILES_H_
#define EARSHOT_PLATFORM_FILES_INPUT_FILES_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

#include "runtime/core/status.h"

namespace earshot {

// The files that a program reads, known by device and inode: a link to a file is that file.
// Threads: Check from any number of them, Add from one alone.
class InputFiles {
 public:
  // Follows links. What does not exist needs no protection and is left out.
  void Add(const std::string& path);

  // kInvalidArgument, with both names, if writing to `output` would replace one of the files.
  Status Check(const std::string& output) const;

 private:
  std::map<std::pair<dev_t, ino_t>, std::string> names_;
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_FILES_INPUT_FILES_H_
