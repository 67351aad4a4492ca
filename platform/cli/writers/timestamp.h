// Times as subtitle formats write them.
#ifndef EARSHOT_PLATFORM_CLI_WRITERS_TIMESTAMP_H_
#define EARSHOT_PLATFORM_CLI_WRITERS_TIMESTAMP_H_

#include <cstdint>
#include <string>

namespace earshot {

// Rounded; 0 for negative times and everything that is no time (NaN, infinity).
int64_t Milliseconds(double seconds);

std::string SrtTimestamp(int64_t ms);  // "HH:MM:SS,mmm"; more than two digits of hours where needed
std::string VttTimestamp(int64_t ms);  // "MM:SS.mmm", from one hour on "HH:MM:SS.mmm"

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CLI_WRITERS_TIMESTAMP_H_
