// The few text rewriting operations that normalizers and tokenizers are built from. Every one makes a single
// pass from left to right over the text it is given and never looks at its own output. Pure functions, safe
// from any thread.
#ifndef EARSHOT_MODELS_COMMON_TEXT_TEXT_EDIT_H_
#define EARSHOT_MODELS_COMMON_TEXT_TEXT_EDIT_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace earshot::text_edit {

// The maximal runs without white space, as views into `text`.
std::vector<std::u32string_view> SplitWords(std::u32string_view text);

// The words with one space in between.
std::u32string JoinWords(std::span<const std::u32string> words);

// `text` without white space at both ends.
std::u32string_view Trim(std::u32string_view text);

// Every run of white space becomes one space, also at both ends.
std::u32string CollapseSpaces(std::u32string_view text);

// True between a word character and anything else (or an end of the text); 0 <= position <= text.size().
bool IsWordBoundary(std::u32string_view text, size_t position);

// Every occurrence of `pattern`, which is not empty.
std::u32string ReplaceAll(std::u32string_view text, std::u32string_view pattern,
                          std::u32string_view replacement);

struct LiteralRule {
  enum class Start { kAnywhere, kWordBoundary };
  Start start = Start::kWordBoundary;
  std::u32string_view pattern;  // must be followed by a word boundary
  std::u32string_view replacement;
};
std::u32string ReplaceLiteral(std::u32string_view text, const LiteralRule& rule);

// Removes what stands in <...> and [...] with the brackets (any of the closing ones ends any of the opening
// ones), then what stands in (...) unless it is empty. An opening bracket that is never closed stays.
std::u32string RemoveBracketed(std::u32string_view text);

// Where matches(a, b) holds for two neighbours, calls emit(out, a, b) in place of copying them and goes on
// after both.
template <class Matches, class Emit>
std::u32string RewritePairs(std::u32string_view text, Matches matches, Emit emit) {
  std::u32string out;
  out.reserve(text.size());
  size_t i = 0;
  while (i < text.size()) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      emit(out, text[i], text[i + 1]);
      i += 2;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

}  // namespace earshot::text_edit

#endif  // EARSHOT_MODELS_COMMON_TEXT_TEXT_EDIT_H_
