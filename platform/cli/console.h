// What the programs say to the user: messages and one progress line, all on standard error.
#ifndef EARSHOT_PLATFORM_CLI_CONSOLE_H_
#define EARSHOT_PLATFORM_CLI_CONSOLE_H_

#include <string>

#include "runtime/core/status.h"

namespace earshot::cli {

// Threads: one at a time. There is one console for the process, see GetConsole.
class Console {
 public:
  // Quiet: errors only.
  void SetQuiet(bool quiet) { quiet_ = quiet; }

  // The name in front of errors and warnings, instead of "earshot".
  void SetProgram(const std::string& name) { program_ = name; }

  // "earshot: error: ...". Control characters in the message become spaces.
  [[gnu::format(printf, 2, 3)]] void Error(const char* format, ...);
  void Error(const Status& status) { Error("%s", status.message()); }
  // "earshot: warning: ..."
  [[gnu::format(printf, 2, 3)]] void Warning(const char* format, ...);
  // Just the line.
  [[gnu::format(printf, 2, 3)]] void Note(const char* format, ...);

  // Whether a progress line is of use: somebody looks at standard error, and it is wanted.
  bool ShowsProgress() const;
  // Replaces the progress line by "subject  state", fitted to the terminal's width: the subject loses its
  // begin first (of a path the end says most), then the state its end. Only if ShowsProgress().
  void SetProgress(const std::string& subject, const std::string& state);
  // Erases the line. To be called before anything else is written to the terminal.
  void ClearProgress();

 private:
  void PrintLine(const std::string& prefix, const std::string& message);

  std::string program_ = "earshot";
  bool quiet_ = false;
  bool has_progress_ = false;
};

Console& GetConsole();

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_CONSOLE_H_
