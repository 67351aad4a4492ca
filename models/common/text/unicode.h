// Unicode text as code points: UTF-8 in and out, lower case, compatibility normalization, and the character
// classes that text normalization asks for. The tables are utf8proc's. All functions are pure and safe to
// call from any thread.
#ifndef EARSHOT_MODELS_COMMON_TEXT_UNICODE_H_
#define EARSHOT_MODELS_COMMON_TEXT_UNICODE_H_

#include <string>
#include <string_view>
#include <vector>

namespace earshot::unicode {

constexpr char32_t kReplacementCharacter = 0xFFFD;

// Ill-formed bytes become U+FFFD: one per bad lead byte together with the continuation bytes after it.
std::u32string DecodeUtf8(std::string_view bytes);

// Surrogates and values above U+10FFFF become U+FFFD.
std::string EncodeUtf8(std::u32string_view text);

// Well-formed UTF-8 is returned unchanged, anything else as DecodeUtf8 repairs it.
std::string RepairUtf8(std::string_view bytes);

// Full lower-casing without locale (Unicode chapter 3.13): U+0130 becomes two code points, a capital sigma at
// the end of a word becomes the final sigma.
std::u32string LowerCase(std::u32string_view text);

enum class NormalForm { kNfkd, kNfkc };  // Unicode Annex 15
std::u32string Normalize(std::u32string_view text, NormalForm form);

// White space as text editors see it: White_Space of the standard plus the separators U+001C to U+001F.
bool IsSpace(char32_t c);
// Letters, numbers of every kind and the underscore: what a word of text consists of.
bool IsWordCharacter(char32_t c);
bool IsNonspacingMark(char32_t c);           // category Mn
bool IsMarkSymbolOrPunctuation(char32_t c);  // categories M*, S*, P*
bool IsDecimalDigit(char32_t c);             // category Nd, of any script
int DecimalDigitValue(char32_t c);           // 0 to 9; c must be a decimal digit
constexpr bool IsAsciiDigit(char32_t c) { return c >= U'0' && c <= U'9'; }

// Views of `text`, one per extended grapheme cluster (Unicode Annex 29), in order; they cover it completely.
std::vector<std::u32string_view> SplitGraphemes(std::u32string_view text);

}  // namespace earshot::unicode

#endif  // EARSHOT_MODELS_COMMON_TEXT_UNICODE_H_
