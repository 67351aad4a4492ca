// English contractions, titles and filler words.
#include "models/common/text/english_contractions.h"

#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

using text_edit::LiteralRule;
constexpr auto kWord = LiteralRule::Start::kWordBoundary;
constexpr auto kEnding = LiteralRule::Start::kAnywhere;

constexpr std::u32string_view kFillers[] = {U"hmm", U"mm", U"mhm", U"mmm", U"uh", U"um"};

// Applied one after the other, so order matters: irregular words before the general endings, "'s been" before
// "'s".
constexpr LiteralRule kRules[] = {
    {kWord, U"won't", U"will not"},
    {kWord, U"can't", U"can not"},
    {kWord, U"let's", U"let us"},
    {kWord, U"ain't", U"aint"},
    {kWord, U"y'all", U"you all"},
    {kWord, U"wanna", U"want to"},
    {kWord, U"gotta", U"got to"},
    {kWord, U"gonna", U"going to"},
    {kWord, U"i'ma", U"i am going to"},
    {kWord, U"imma", U"i am going to"},
    {kWord, U"woulda", U"would have"},
    {kWord, U"coulda", U"could have"},
    {kWord, U"shoulda", U"should have"},
    {kWord, U"ma'am", U"madam"},
    // titles; the space at the end parts "dr.smith"
    {kWord, U"mr", U"mister "},
    {kWord, U"mrs", U"missus "},
    {kWord, U"st", U"saint "},
    {kWord, U"dr", U"doctor "},
    {kWord, U"prof", U"professor "},
    {kWord, U"capt", U"captain "},
    {kWord, U"gov", U"governor "},
    {kWord, U"ald", U"alderman "},
    {kWord, U"gen", U"general "},
    {kWord, U"sen", U"senator "},
    {kWord, U"rep", U"representative "},
    {kWord, U"pres", U"president "},
    {kWord, U"rev", U"reverend "},
    {kWord, U"hon", U"honorable "},
    {kWord, U"asst", U"assistant "},
    {kWord, U"assoc", U"associate "},
    {kWord, U"lt", U"lieutenant "},
    {kWord, U"col", U"colonel "},
    {kWord, U"jr", U"junior "},
    {kWord, U"sr", U"senior "},
    {kWord, U"esq", U"esquire "},
    // perfect tenses that a participle gives away
    {kEnding, U"'d been", U" had been"},
    {kEnding, U"'s been", U" has been"},
    {kEnding, U"'d gone", U" had gone"},
    {kEnding, U"'s gone", U" has gone"},
    {kEnding, U"'d done", U" had done"},
    {kEnding, U"'s got", U" has got"},
    // general endings
    {kEnding, U"n't", U" not"},
    {kEnding, U"'re", U" are"},
    {kEnding, U"'s", U" is"},
    {kEnding, U"'d", U" would"},
    {kEnding, U"'ll", U" will"},
    {kEnding, U"'t", U" not"},
    {kEnding, U"'ve", U" have"},
    {kEnding, U"'m", U" am"},
};

// "it 's" to "it's": transcripts that put a space before the apostrophe.
std::u32string AttachApostrophes(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c == U'\'') {
      while (!out.empty() && unicode::IsSpace(out.back())) out.pop_back();
    }
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::u32string RemoveFillerWords(std::u32string_view text) {
  std::u32string out(text);
  for (const std::u32string_view filler : kFillers)
    out = text_edit::ReplaceLiteral(out, {kWord, filler, U""});
  return out;
}

std::u32string ExpandContractions(std::u32string_view text) {
  std::u32string out = AttachApostrophes(text);
  for (const LiteralRule& rule : kRules) out = text_edit::ReplaceLiteral(out, rule);
  return out;
}

}  // namespace earshot
