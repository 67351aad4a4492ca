// Features in XNNPACK's order of preference; Highway and the attention kernels speak for themselves.
#include "platform/cli/kernel_levels.h"

#include <algorithm>
#include <string_view>

#include "runtime/attention/attention_int8.h"
#include "runtime/kernels/kernels.h"

namespace earshot::cli {
namespace {

struct Level {
  std::string_view feature;
  const char* name;
};

constexpr Level kInt8Levels[] = {{"amx-int8", "AMX"},
                                 {"avx512vnni", "AVX-512 VNNI"},
                                 {"avx512f", "AVX-512"},
                                 {"avxvnni", "AVX-VNNI"},
                                 {"avx2", "AVX2"},
                                 {"avx", "AVX"},
                                 {"i8mm", "NEON 8-bit matrix products (i8mm)"},
                                 {"dotprod", "NEON dot product"},
                                 {"neon", "NEON multiply-add"}};

bool HasWord(const std::string& words, std::string_view word) {
  const std::string padded = " " + words + " ";
  return padded.find(" " + std::string(word) + " ") != std::string::npos;
}

std::string Int8AttentionLevel(const std::string& features) {
  if (!Int8AttentionIsFaster()) return "none that pays: f32 instead";
  if (HasWord(features, "amx-int8")) return "AMX";
  return HasWord(features, "dotprod") ? "NEON dot product" : kernels::SimdTargetName();
}

}  // namespace

std::string DenseInt8Level(const std::string& features) {
  const auto* found = std::ranges::find_if(
      kInt8Levels, [&features](const Level& level) { return HasWord(features, level.feature); });
  return found == std::end(kInt8Levels) ? "baseline of the architecture" : found->name;
}

std::vector<KernelLevel> ChosenKernelLevels(const CpuInfo& cpu) {
  const std::string simd = kernels::SimdTargetName();
  return {{"dense layers, int8", DenseInt8Level(cpu.features)},
          {"norms, activations, attention", simd},
          {"attention of the encoder, int8", Int8AttentionLevel(cpu.features)}};
}

}  // namespace earshot::cli
