// The options of earshot-convert that say which keys the heads of the encoder see.
#ifndef EARSHOT_CONVERTER_ENCODER_ATTENTION_H_
#define EARSHOT_CONVERTER_ENCODER_ATTENTION_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "converter/calibrate/calibration_audio.h"
#include "converter/calibrate/choose_patterns.h"
#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot {

struct EncoderAttentionOptions {
  std::string patterns = "full";  // a pattern list, or "auto"
  calibrate::ChoiceBounds bounds;

  bool is_auto() const { return patterns == "auto"; }
};

// --encoder-attention and what belongs to it. A pattern list that cannot be read is refused with the command
// line.
void AddEncoderAttentionOptions(CLI::App& app, EncoderAttentionOptions& options);

// Sets the patterns of a quantized graph, after measurements on speech where they are "auto", and notes them
// in the metadata: on these clips. Returns a table of the choice; empty where there was none.
Result<std::string> SetEncoderAttention(ir::Graph& graph, const EncoderAttentionOptions& options,
                                        const std::vector<calibrate::Clip>& clips);

}  // namespace earshot

#endif  // EARSHOT_CONVERTER_ENCODER_ATTENTION_H_
