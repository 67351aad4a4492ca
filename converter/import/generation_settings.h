// Which tokens a Whisper model must not choose, from what its checkpoint says or, where it says nothing, from
// the vocabulary.
#ifndef EARSHOT_CONVERTER_IMPORT_GENERATION_SETTINGS_H_
#define EARSHOT_CONVERTER_IMPORT_GENERATION_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Nothing where the checkpoint has no such list.
struct SuppressionLists {
  std::optional<std::vector<int64_t>> suppressed = std::nullopt;
  std::optional<std::vector<int64_t>> begin_suppressed = std::nullopt;
};

// - suppressed_tokens: the list of the checkpoint, be it empty, else NonSpeechTokens; and in any case the
// control tokens
//   that never belong in a transcript (start of transcript, tasks, previous text, language model, no speech).
//   This is what OpenAI's decoder and faster-whisper do; transformers takes the lists as they are, which for
//   published checkpoints is the same.
// - begin_suppressed_tokens: the list of the checkpoint, else a blank and the end of the text, so that no
// segment begins empty. Both sorted, without doubles. kInvalidModel if an id is not one of the tokenizer's.
Result<ir::GenerationSettings> MakeGenerationSettings(const SuppressionLists& lists,
                                                      const ir::Tokenizer& tokenizer);

// Tokens that annotate rather than transcribe: brackets, symbols, notes, by the rule of OpenAI's tokenizer
// (Radford et al. 2022, appendix D, decodes with these suppressed): each of a list of symbols, with and
// without a space before it, if it is one token; of musical symbols the first token. Sorted.
std::vector<int64_t> NonSpeechTokens(const ir::Tokenizer& tokenizer);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_GENERATION_SETTINGS_H_
