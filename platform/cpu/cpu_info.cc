// ReadCpuInfo through cpuinfo.
#include "platform/cpu/cpu_info.h"

#include <cpuinfo.h>

#include "platform/cpu/cores.h"

namespace earshot {
namespace {

struct Feature {
  const char* name;
  bool present;
};

// Only what changes the choice of a kernel.
std::string FeatureNames() {
  const Feature features[] = {{"avx", cpuinfo_has_x86_avx()},
                              {"f16c", cpuinfo_has_x86_f16c()},
                              {"fma", cpuinfo_has_x86_fma3()},
                              {"avx2", cpuinfo_has_x86_avx2()},
                              {"avxvnni", cpuinfo_has_x86_avxvnni()},
                              {"avx512f", cpuinfo_has_x86_avx512f()},
                              {"avx512vnni", cpuinfo_has_x86_avx512vnni()},
                              {"amx-int8", cpuinfo_has_x86_amx_int8()},
                              {"neon", cpuinfo_has_arm_neon()},
                              {"fp16", cpuinfo_has_arm_neon_fp16_arith()},
                              {"dotprod", cpuinfo_has_arm_neon_dot()},
                              {"i8mm", cpuinfo_has_arm_i8mm()},
                              {"sve", cpuinfo_has_arm_sve()}};
  std::string names;
  for (const Feature& feature : features) {
    if (feature.present) names += (names.empty() ? "" : " ") + std::string(feature.name);
  }
  return names;
}

}  // namespace

CpuInfo ReadCpuInfo() {
  CpuInfo info;
  info.num_cores = AllowedCores().size();
  if (!cpuinfo_initialize()) return info;
  if (cpuinfo_get_packages_count() > 0) info.name = cpuinfo_get_package(0)->name;
  info.features = FeatureNames();
  return info;
}

}  // namespace earshot
