// Attention ops and the patterns of their heads in words, for `earshot inspect`.
#ifndef EARSHOT_PLATFORM_CLI_ATTENTION_TEXT_H_
#define EARSHOT_PLATFORM_CLI_ATTENTION_TEXT_H_

#include <string>

#include "runtime/schema/model_generated.h"

namespace earshot::cli {

// "local:64+strided:16+causal", as earshot-convert reads it, as far as it reads patterns.
std::string HeadPatternText(const fb::HeadPattern& head);

// "6 heads on 2: 0-3 local:64, 4,5 full".
std::string AttentionText(const fb::Attention& attention);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_ATTENTION_TEXT_H_
