// One line for each loop of a family.
#include "platform/cli/family_drivers.h"

#include "models/nat/refine.h"
#include "models/pointer/tour.h"

namespace earshot::cli {

std::span<const loops::Driver> FamilyDrivers() {
  static constexpr loops::Driver kDrivers[] = {{"refine", nat::RunRefine}, {"tour", pointer::RunTour}};
  return kDrivers;
}

}  // namespace earshot::cli
