// A line of two parts that has to fit the width of a terminal.
#ifndef EARSHOT_PLATFORM_CLI_FITTED_LINE_H_
#define EARSHOT_PLATFORM_CLI_FITTED_LINE_H_

#include <cstddef>
#include <string>

namespace earshot::cli {

// "subject  state" in at most max_columns columns, a character of UTF-8 counted as one. A subject that is too
// long loses its begin, "...cities.wav"; where that leaves nothing of it worth reading it is dropped, and the
// state loses its end.
std::string FittedLine(const std::string& subject, const std::string& state, size_t max_columns);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_FITTED_LINE_H_
