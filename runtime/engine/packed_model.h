// Packed weights of a model in a file of their own, so that the next session starts without packing
// (runtime/xnnpack/packed_weights_file.h says what is in it). The caller maps the file:
//
//   auto packed = LoadPackedWeights(program, file.bytes(), pool);
//   auto session = Session::Create(program, arena, {.pool = pool, .packed_weights = packed.value()});
#ifndef EARSHOT_RUNTIME_ENGINE_PACKED_MODEL_H_
#define EARSHOT_RUNTIME_ENGINE_PACKED_MODEL_H_

#include <array>
#include <cstddef>
#include <span>

#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"
#include "runtime/xnnpack/packed_weights_file.h"

namespace earshot {

// Checks that the file is for this program and this CPU, and undamaged. May call malloc (XNNPACK's one-time
// initialization). Errors: those of PackedWeightsFile::Load and Program::Fingerprint.
Result<PackedWeightsFile> LoadPackedWeights(const Program& program, std::span<const std::byte> file,
                                            const ThreadPool& pool);

// Writes what the session packed at its creation, which was without packed weights. Errors: those of the sink
// and of Program::Fingerprint.
Status WritePackedWeights(const Session& session, const PackedWeightsSink& sink);

// What to append to the name of a model file to name the packed weights for this CPU, for example
// ".packed-0123abcd"; CPUs that differ in layout have files beside each other. NUL-terminated.
using PackedWeightsSuffix = std::array<char, 17>;
Result<PackedWeightsSuffix> SuffixOfPackedWeights();

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ENGINE_PACKED_MODEL_H_
