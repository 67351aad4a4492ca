// Text rewriting operations.
#include "models/common/text/text_edit.h"

#include "models/common/text/unicode.h"

namespace earshot::text_edit {
namespace {

// Removes each stretch from a character of `openers` up to the next one of `closers` that has at least
// `min_inside` characters in between; no character in between may be a closer.
std::u32string RemoveEnclosed(std::u32string_view text, std::u32string_view openers,
                              std::u32string_view closers, size_t min_inside) {
  std::u32string out;
  out.reserve(text.size());
  size_t i = 0;
  while (i < text.size()) {
    if (openers.find(text[i]) != std::u32string_view::npos) {
      const size_t close = text.find_first_of(closers, i + 1);
      if (close != std::u32string_view::npos && close - i - 1 >= min_inside) {
        i = close + 1;
        continue;
      }
    }
    out.push_back(text[i++]);
  }
  return out;
}

}  // namespace

std::vector<std::u32string_view> SplitWords(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  size_t i = 0;
  while (i < text.size()) {
    while (i < text.size() && unicode::IsSpace(text[i])) ++i;
    const size_t begin = i;
    while (i < text.size() && !unicode::IsSpace(text[i])) ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
  }
  return words;
}

std::u32string JoinWords(std::span<const std::u32string> words) {
  std::u32string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text.push_back(U' ');
    text += words[i];
  }
  return text;
}

std::u32string_view Trim(std::u32string_view text) {
  while (!text.empty() && unicode::IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && unicode::IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string CollapseSpaces(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  bool after_space = false;
  for (const char32_t c : text) {
    const bool is_space = unicode::IsSpace(c);
    if (!is_space) out.push_back(c);
    if (is_space && !after_space) out.push_back(U' ');
    after_space = is_space;
  }
  return out;
}

bool IsWordBoundary(std::u32string_view text, size_t position) {
  const bool before = position > 0 && unicode::IsWordCharacter(text[position - 1]);
  const bool after = position < text.size() && unicode::IsWordCharacter(text[position]);
  return before != after;
}

std::u32string ReplaceAll(std::u32string_view text, std::u32string_view pattern,
                          std::u32string_view replacement) {
  std::u32string out;
  size_t copied = 0;
  for (size_t found = text.find(pattern); found != std::u32string_view::npos;
       found = text.find(pattern, copied)) {
    out.append(text.substr(copied, found - copied));
    out.append(replacement);
    copied = found + pattern.size();
  }
  out.append(text.substr(copied));
  return out;
}

std::u32string ReplaceLiteral(std::u32string_view text, const LiteralRule& rule) {
  std::u32string out;
  size_t copied = 0;
  size_t found = text.find(rule.pattern);
  while (found != std::u32string_view::npos) {
    const size_t end = found + rule.pattern.size();
    const bool starts_well = rule.start == LiteralRule::Start::kAnywhere || IsWordBoundary(text, found);
    if (starts_well && IsWordBoundary(text, end)) {
      out.append(text.substr(copied, found - copied));
      out.append(rule.replacement);
      copied = end;
      found = text.find(rule.pattern, end);
    } else {
      found = text.find(rule.pattern, found + 1);
    }
  }
  out.append(text.substr(copied));
  return out;
}

std::u32string RemoveBracketed(std::u32string_view text) {
  return RemoveEnclosed(RemoveEnclosed(text, U"<[", U">]", 0), U"(", U")", 1);
}

}  // namespace earshot::text_edit
