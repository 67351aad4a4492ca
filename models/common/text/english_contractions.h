// English contractions, titles and filler words, as Whisper's normalizer treats them (Radford et al. 2022,
// appendix C).
#ifndef EARSHOT_MODELS_COMMON_TEXT_ENGLISH_CONTRACTIONS_H_
#define EARSHOT_MODELS_COMMON_TEXT_ENGLISH_CONTRACTIONS_H_

#include <string>
#include <string_view>

namespace earshot {

// Removes the words hmm, mm, mhm, mmm, uh, um. `text` is lower case.
std::u32string RemoveFillerWords(std::u32string_view text);

// "won't" to "will not", "dr" to "doctor", "she's been" to "she has been", and so on; only the ASCII
// apostrophe contracts. `text` is lower case. May leave double spaces.
std::u32string ExpandContractions(std::u32string_view text);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_ENGLISH_CONTRACTIONS_H_
