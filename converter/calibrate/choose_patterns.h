// `--encoder-attention auto`: the cheapest pattern for each head of the encoder that speech does not miss.
#ifndef EARSHOT_CONVERTER_CALIBRATE_CHOOSE_PATTERNS_H_
#define EARSHOT_CONVERTER_CALIBRATE_CHOOSE_PATTERNS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "converter/calibrate/calibration_audio.h"
#include "converter/ir/graph.h"
#include "converter/patterns/pattern_list.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"

namespace earshot::calibrate {

struct ChoiceBounds {
  double max_output_error =
      0.05;                     // RMS of the difference of the encoder's output over the RMS of that output
  double min_agreement = 0.99;  // share of the tokens that the model chooses as with full attention
};

struct ChosenHead {
  ir::HeadPattern pattern;
  double keys_share =
      1.0;             // pairs of a query and a key that it computes in a whole window, over those of full
  double error = 0.0;  // RMS of what the head misses over the RMS of the residual stream behind the layer
};

struct PatternChoice {
  patterns::HeadPatterns patterns;             // [layer][head]
  std::vector<std::vector<ChosenHead>> heads;  // [layer][head]
  double keys_share = 1.0;                     // over all heads
  double output_error = 0.0;
  double agreement = 1.0;
  int64_t num_tokens = 0;  // compared
  size_t num_clips = 0;
};

struct ChoiceOptions {
  ChoiceBounds bounds;
  std::vector<ir::HeadPattern> candidates;  // empty: DefaultCandidates()
  ThreadPool pool;
  std::function<void(const std::string&)> on_progress;  // may be empty
};

// Windows of several widths, alone and with means of 2 to 16 of the keys beyond.
std::vector<ir::HeadPattern> DefaultCandidates();

// Method. The encoder runs over the clips with full attention, and every candidate is computed beside each
// head: what it takes from the residual stream is the head's error, the keys that it computes its cost. For a
// price of errors in keys, each head takes the candidate that is cheapest in sum. The lowest price is looked
// for at which the whole model keeps the bounds on the same clips.
//
// `graph` is quantized and Whisper's; the encoder's attention computes in f32 meanwhile, so that the choice
// depends on the CPU by the rounding of sums only. Its patterns are left as chosen, its memory plan
// undefined. Errors: those of WhisperProbe; kUnsupported where the heads cannot be measured.
Result<PatternChoice> ChoosePatterns(ir::Graph& graph, const std::vector<Clip>& clips,
                                     const ChoiceOptions& options);

// Table of the heads and the figures of the whole, for people.
std::string FormatChoice(const PatternChoice& choice);

}  // namespace earshot::calibrate

#endif  // EARSHOT_CONVERTER_CALIBRATE_CHOOSE_PATTERNS_H_
