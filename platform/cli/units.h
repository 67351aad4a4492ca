// Numbers as people read them.
#ifndef EARSHOT_PLATFORM_CLI_UNITS_H_
#define EARSHOT_PLATFORM_CLI_UNITS_H_

#include <cstdint>
#include <string>

namespace earshot::cli {

// "1234567" as "1,234,567".
std::string Grouped(uint64_t number);

// Bytes in powers of 1000 with three digits or more: "512 B", "4.61 kB", "38.7 MB", "1213 MB".
std::string Megabytes(uint64_t bytes);

// Fixed number of decimals.
std::string Fixed(double number, int decimals);

// A duration as a clock shows it, "0:07", "12:34", "1:02:03"; "-:--" if it is not a finite number >= 0.
std::string Clock(double seconds);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_UNITS_H_
