// Times as subtitle formats write them.
#include "platform/cli/writers/timestamp.h"

#include <cinttypes>
#include <cmath>
#include <cstdio>

namespace earshot {
namespace {

constexpr double kMaxSeconds = 1e12;  // so that milliseconds fit; far beyond any recording

std::string MinutesAndSeconds(int64_t ms, char separator) {
  char text[32];
  std::snprintf(text, sizeof(text), "%02" PRId64 ":%02" PRId64 "%c%03" PRId64, ms / 60000 % 60,
                ms / 1000 % 60, separator, ms % 1000);
  return text;
}

std::string Hours(int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof(text), "%02" PRId64 ":", ms / 3600000);
  return text;
}

}  // namespace

int64_t Milliseconds(double seconds) {
  if (!(seconds > 0 && seconds < kMaxSeconds)) return 0;
  return std::llround(seconds * 1000.0);
}

std::string SrtTimestamp(int64_t ms) { return Hours(ms) + MinutesAndSeconds(ms, ','); }

std::string VttTimestamp(int64_t ms) { return (ms >= 3600000 ? Hours(ms) : "") + MinutesAndSeconds(ms, '.'); }

}  // namespace earshot
