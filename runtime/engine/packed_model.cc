// Ties files of packed weights to programs.
#include "runtime/engine/packed_model.h"

#include <cstdio>

#include "runtime/xnnpack/packed_layout.h"

namespace earshot {
namespace {

Result<PackedWeightsTarget> TargetOf(const Program& program) {
  PackedWeightsTarget target = {.originals = program.weights()};
  EARSHOT_ASSIGN_OR_RETURN(target.model_id, program.Fingerprint());
  EARSHOT_ASSIGN_OR_RETURN(target.layout_id, PackedLayoutId());
  return target;
}

}  // namespace

Result<PackedWeightsFile> LoadPackedWeights(const Program& program, std::span<const std::byte> file,
                                            const ThreadPool& pool) {
  EARSHOT_ASSIGN_OR_RETURN(const PackedWeightsTarget target, TargetOf(program));
  return PackedWeightsFile::Load(file, target, pool);
}

Status WritePackedWeights(const Session& session, const PackedWeightsSink& sink) {
  EARSHOT_ASSIGN_OR_RETURN(const PackedWeightsTarget target, TargetOf(session.program()));
  return WritePackedWeightsFile(session.packed_weights(), target, sink);
}

Result<PackedWeightsSuffix> SuffixOfPackedWeights() {
  EARSHOT_ASSIGN_OR_RETURN(const uint64_t layout_id, PackedLayoutId());
  PackedWeightsSuffix suffix;
  std::snprintf(suffix.data(), suffix.size(), ".packed-%08x", static_cast<unsigned>(layout_id >> 32));
  return suffix;
}

}  // namespace earshot
