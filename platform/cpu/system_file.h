// The small text files in which the kernel describes the machine.
#ifndef EARSHOT_PLATFORM_CPU_SYSTEM_FILE_H_
#define EARSHOT_PLATFORM_CPU_SYSTEM_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

namespace earshot {

// At most 64 KB of a file, without zeros and white space at its end; empty where there is none or it cannot
// be read: machines differ in what they tell.
std::string ReadSystemFile(const std::string& path);

// The number that the file begins with, decimal or after 0x; nullopt where there is none.
std::optional<int64_t> ReadSystemNumber(const std::string& path);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CPU_SYSTEM_FILE_H_
