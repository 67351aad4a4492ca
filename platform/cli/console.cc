// Console: standard error as a terminal or as a file.
#include "platform/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "platform/cli/fitted_line.h"
#include "platform/cli/printable.h"

namespace earshot::cli {
namespace {

std::string FormatMessage(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length < 0) return format;
  std::string text(static_cast<size_t>(length), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, arguments);
  return text;
}

size_t TerminalWidth() {
  winsize size{};
  constexpr size_t kUsual = 80;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

void Console::Error(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PrintLine(program_ + ": error: ", FormatMessage(format, arguments));
  va_end(arguments);
}

void Console::Warning(const char* format, ...) {
  if (quiet_) return;
  va_list arguments;
  va_start(arguments, format);
  PrintLine(program_ + ": warning: ", FormatMessage(format, arguments));
  va_end(arguments);
}

void Console::Note(const char* format, ...) {
  if (quiet_) return;
  va_list arguments;
  va_start(arguments, format);
  PrintLine("", FormatMessage(format, arguments));
  va_end(arguments);
}

bool Console::ShowsProgress() const {
  const char* terminal = std::getenv("TERM");
  const bool can_erase = terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
  return !quiet_ && can_erase && isatty(STDERR_FILENO) == 1;
}

void Console::SetProgress(const std::string& subject, const std::string& state) {
  if (!ShowsProgress()) return;
  // The last column stays free: writing there makes some terminals wrap.
  const std::string line = FittedLine(Printable(subject), Printable(state), TerminalWidth() - 1);
  std::fprintf(stderr, "\r%s\033[K", line.c_str());
  std::fflush(stderr);
  has_progress_ = true;
}

void Console::ClearProgress() {
  if (!has_progress_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  has_progress_ = false;
}

void Console::PrintLine(const std::string& prefix, const std::string& message) {
  ClearProgress();
  std::fprintf(stderr, "%s%s\n", prefix.c_str(), Printable(message).c_str());
}

Console& GetConsole() {
  static Console console;
  return console;
}

}  // namespace earshot::cli
