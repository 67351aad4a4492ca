// The loops that model families have for themselves, beside those of models/loops.
#ifndef EARSHOT_PLATFORM_CLI_FAMILY_DRIVERS_H_
#define EARSHOT_PLATFORM_CLI_FAMILY_DRIVERS_H_

#include <span>

#include "models/loops/loop.h"

namespace earshot::cli {

std::span<const loops::Driver> FamilyDrivers();

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_FAMILY_DRIVERS_H_
