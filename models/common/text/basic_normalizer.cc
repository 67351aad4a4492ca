// Whisper's text normalization for languages other than English.
#include "models/common/text/basic_normalizer.h"

#include <utility>

#include "models/common/text/symbols.h"
#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {

std::string BasicTextNormalizer::Normalize(std::string_view utf8) const {
  std::u32string text = text_edit::RemoveBracketed(unicode::LowerCase(unicode::DecodeUtf8(utf8)));
  text = options_.remove_diacritics ? ReplaceSymbolsAndDiacritics(text, {}) : ReplaceSymbols(text);
  // Compatibility normalization can bring capitals back, for example out of "№".
  text = unicode::LowerCase(text);
  if (options_.split_letters) {
    std::u32string spaced;
    for (const std::u32string_view grapheme : unicode::SplitGraphemes(text)) {
      if (!spaced.empty()) spaced.push_back(U' ');
      spaced.append(grapheme);
    }
    text = std::move(spaced);
  }
  return unicode::EncodeUtf8(text_edit::CollapseSpaces(text));
}

}  // namespace earshot
