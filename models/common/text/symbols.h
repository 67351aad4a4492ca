// Replacing symbols, punctuation and marks, the step that both text normalizers of Whisper share
// (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", appendix C).
#ifndef EARSHOT_MODELS_COMMON_TEXT_SYMBOLS_H_
#define EARSHOT_MODELS_COMMON_TEXT_SYMBOLS_H_

#include <string>
#include <string_view>

namespace earshot {

// NFKC, then every mark, symbol and punctuation character becomes a space. (Marks that compose with their
// letter stay with it; scripts whose vowels are marks lose them, as in the original.)
std::u32string ReplaceSymbols(std::u32string_view text);

// NFKD, then combining accents vanish, letters like ø or ß that do not decompose become plain ones, and other
// marks, symbols and punctuation become spaces. Characters in `keep` stay.
std::u32string ReplaceSymbolsAndDiacritics(std::u32string_view text, std::u32string_view keep);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_SYMBOLS_H_
