// Whisper's text normalization for languages other than English. Expected texts: the reference
// implementation's.
#include "models/common/text/basic_normalizer.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot {
namespace {

TEST_CASE("punctuation goes and letters keep their accents", "[basic_normalizer]") {
  const BasicTextNormalizer normalizer;
  CHECK(normalizer.Normalize("Élève, où es-tu ?") == "élève où es tu ");
  CHECK(normalizer.Normalize("Grüße aus Köln!") == "grüße aus köln ");
  CHECK(normalizer.Normalize("Привет [шум] (смех) мир.") == "привет мир ");
  CHECK(normalizer.Normalize("e\u0301te\u0301") == "été");
  CHECK(normalizer.Normalize("№ 5") == "no 5");  // capitals that normalization brings
  CHECK(normalizer.Normalize("你好，世界。") == "你好 世界 ");
  CHECK(normalizer.Normalize("İstanbul") == "i stanbul");
  CHECK(normalizer.Normalize("") == "");
  CHECK(normalizer.Normalize("ol\xE9") == "ol ");
}

TEST_CASE("diacritics can be removed too", "[basic_normalizer]") {
  const BasicTextNormalizer normalizer({.remove_diacritics = true});
  CHECK(normalizer.Normalize("Élève, Straße, smørbrød") == "eleve strasse smorbrod");
}

TEST_CASE("letters can be split for character errors", "[basic_normalizer]") {
  const BasicTextNormalizer normalizer({.split_letters = true});
  CHECK(normalizer.Normalize("你好，世界") == "你 好 世 界");
  CHECK(normalizer.Normalize("그는 이리") == "그 는 이 리");
}

}  // namespace
}  // namespace earshot
