// Formatting of numbers.
#include "platform/cli/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace earshot::cli {

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

std::string Megabytes(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  const bool mega = bytes >= 999'500;
  const double number = static_cast<double>(bytes) / (mega ? 1e6 : 1e3);
  return Fixed(number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0) + (mega ? " MB" : " kB");
}

std::string Fixed(double number, int decimals) {
  char text[400];  // the largest double has 309 digits
  std::snprintf(text, sizeof(text), "%.*f", std::clamp(decimals, 0, 17), number);
  return text;
}

std::string Clock(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "-:--";
  const auto whole = static_cast<long long>(std::llround(seconds));
  char text[64];
  if (whole >= 3600) {
    std::snprintf(text, sizeof(text), "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof(text), "%lld:%02lld", whole / 60, whole % 60);
  }
  return text;
}

}  // namespace earshot::cli
