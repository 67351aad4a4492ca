// Shell patterns of names, as graphs and the command line give them.
#ifndef EARSHOT_CONVERTER_QUANTIZE_NAME_PATTERNS_H_
#define EARSHOT_CONVERTER_QUANTIZE_NAME_PATTERNS_H_

#include <fnmatch.h>

#include <algorithm>
#include <span>
#include <string>

namespace earshot::quantize {

inline bool MatchesAny(const std::string& name, std::span<const std::string> patterns) {
  return std::ranges::any_of(patterns, [&name](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_NAME_PATTERNS_H_
