// Calibration of int4 weights: what the inputs of each matrix look like while the model transcribes speech.
#ifndef EARSHOT_CONVERTER_CALIBRATE_COLLECT_MOMENTS_H_
#define EARSHOT_CONVERTER_CALIBRATE_COLLECT_MOMENTS_H_

#include <functional>
#include <string>
#include <vector>

#include "converter/calibrate/calibration_audio.h"
#include "converter/ir/graph.h"
#include "converter/quantize/input_moments.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"

namespace earshot::calibrate {

struct MomentsOptions {
  ThreadPool pool;
  std::function<void(const std::string&)> on_progress;  // may be empty
};

// Runs the model with f32 weights over the clips, writing the most likely text, and adds up the inputs of
// every Linear op: some rows of each run, evenly spread. `graph` is Whisper's as imported, before any pass;
// what comes out has the names of the tensors after all passes. Errors: those of WhisperProbe.
Result<quantize::MomentsByTensor> CollectMoments(ir::Graph graph, const std::vector<Clip>& clips,
                                                 const MomentsOptions& options);

}  // namespace earshot::calibrate

#endif  // EARSHOT_CONVERTER_CALIBRATE_COLLECT_MOMENTS_H_
