// Fitting by whole characters of UTF-8.
#include "platform/cli/fitted_line.h"

#include <algorithm>

namespace earshot::cli {
namespace {

constexpr size_t kMinSubjectColumns = 8;  // less of a name tells nobody which it is

bool BeginsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

size_t Columns(const std::string& utf8) {
  return static_cast<size_t>(std::ranges::count_if(utf8, BeginsCharacter));
}

std::string First(const std::string& utf8, size_t columns) {
  size_t end = 0;
  for (; end < utf8.size(); ++end) {
    if (BeginsCharacter(utf8[end]) && columns-- == 0) break;
  }
  return utf8.substr(0, end);
}

std::string Last(const std::string& utf8, size_t columns) {
  size_t begin = utf8.size();
  while (begin > 0 && columns > 0) {
    if (BeginsCharacter(utf8[--begin])) --columns;
  }
  return utf8.substr(begin);
}

}  // namespace

std::string FittedLine(const std::string& subject, const std::string& state, size_t max_columns) {
  constexpr size_t kGap = 2;
  const size_t state_columns = Columns(state);
  const size_t subject_columns = Columns(subject);
  if (subject_columns + kGap + state_columns <= max_columns) return subject + "  " + state;
  const size_t left = max_columns - std::min(max_columns, state_columns + kGap);
  if (left >= kMinSubjectColumns) return "..." + Last(subject, left - 3) + "  " + state;
  return First(state, max_columns);
}

}  // namespace earshot::cli
