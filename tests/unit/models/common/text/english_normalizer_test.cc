// Whisper's text normalization for English. The expected texts are the reference implementation's, including
// where it surprises: rates only compare with published ones if the surprises are the same.
#include "models/common/text/english_normalizer.h"

#include <catch2/catch_test_macros.hpp>

namespace earshot {
namespace {

constexpr struct {
  const char* text;
  const char* normalized;
} kPairs[] = {
    // spelling
    {"My favourite colour is grey.", "my favorite color is gray"},
    {"They organised the theatre programme.", "they organized the theater program"},
    // contractions and titles
    {"I won't, you can't, she ain't.", "i will not you can not she aint"},
    {"Let's go, y'all wanna dance?", "let us go you all want to dance"},
    {"He'd been there; she's gone; it's got worse.", "he had been there she has gone it has got worse"},
    {"They'd done what we'd do.", "they had done what we would do"},
    {"I'm sure you've seen they're here and he'll go.",
     "i am sure you have seen they are here and he will go"},
    {"Don't you think it's John's?", "do not you think it is john is"},
    {"Mr. Smith and Dr. Jones met Prof. Lee on St. James St.",
     "mister smith and doctor jones met professor lee on saint james saint"},
    {"Ma'am, Gov. Brown and Lt. Col. Gray are here.",
     "madam governor brown and lieutenant colonel gray are here"},
    {"it 's odd", "it is odd"},
    {"Don’t", "don t"},
    {"I'ma go, imma stay", "i am going to go i am going to stay"},
    {"coulda woulda shoulda", "could have would have should have"},
    // fillers and brackets
    {"Uh, um, hmm, I mean, mm, yes.", "i mean yes"},
    {"[laughter] Hello (inaudible) world <unk>", "hello world"},
    {"umbrella hmmm", "umbrella hmmm"},
    {"a () b (c", "a b c"},
    // cardinals
    {"twenty one", "21"},
    {"one hundred and two", "102"},
    {"two thousand twenty four", "2024"},
    {"nineteen eighty four", "1984"},
    {"one oh one", "101"},
    {"three hundred sixty five thousand four hundred and twelve", "365412"},
    {"five million two hundred thousand", "5200000"},
    {"twelve hundred", "1200"},
    {"nine hundred decillion", "900000000000000000000000000000000000"},
    {"one two three four", "1234"},
    {"twenty thirty", "2030"},
    {"ten and five", "10 and 5"},
    {"thousand", "1000"},
    {"seven and", "7 and"},
    {"The one and only", "the one and only"},
    // ordinals and plurals
    {"the twenty first century", "the 21st century"},
    {"in the nineteen sixties", "in the 1960s"},
    {"his seventy third birthday", "his 73rd birthday"},
    {"the ninth and the fifth", "the ninth and the 5th"},
    {"twenties and hundreds of thousands", "20s and 100s of 1000s"},
    {"1960s, 21st, 3 rd", "1960s 21st 3rd"},
    {"the two thousandth", "the 2000th"},
    // repeats and points
    {"double oh seven", "007"},
    {"triple five one two", "55512"},
    {"three point one four", "3.14"},
    {"point five", ".5"},
    {"two and a half million", "2500000"},
    {"he ran a mile and a half", "he ran a mile and a half"},
    {"one point five billion", "1500000000"},
    {"point taken", "point taken"},
    {"three point million", "3000000"},
    {"point million", "1000000"},
    {"three point first", "31st"},
    // money
    {"two dollars and seven cents", "$2.07"},
    {"$20 million", "$20000000"},
    {"twenty five pounds", "£25"},
    {"five cents", "¢5"},
    {"$0.50", "¢50"},
    {"$2 and 7 cents", "$2.07"},
    {"a dollar", "a dollar"},
    {"one hundred euros and fifty cents", "€100.50"},
    {"$1.50", " one.50"},
    {"$1,234,567.89", "$1234567.89"},
    {"minus five dollars", "$5"},
    // percent and signs
    {"fifty percent", "50%"},
    {"50 per cent", "50%"},
    {"per cent", "per cent"},
    {"minus ten degrees", "-10 degrees"},
    {"plus one", "+one"},
    {"negative feedback", "negative feedback"},
    {"%", "%"},
    // arabic numbers
    {"1,000 and 2,000", "1000 and 2000"},
    {"at 12:30 p.m.", "at 12 30 p m"},
    {"3.14 and 5.0", "3.14 and 5"},
    {"192.168.0.1", "192.168.0 one"},
    {"007", "7"},
    {"2nd place, 1 win", "2nd place one win"},
    {"version 2.", "version 2"},
    {"a1b2", "a one b 2"},
    {"٣ apples", "3 apples"},
    {"1 2", "one 2"},
    // symbols
    {"naïve café œuvre straße", "naive cafe oeuvre strasse"},
    {"rock & roll -- yes!", "rock roll yes"},
    {"e.g. U.S.A.", "e g u s a"},
    {"£5.99 or €7", "£5.99 or €7"},
    {" \t ", ""},
    {" café ", "cafe"},
};

SpellingTable Spellings() {
  return {{"favourite", "favorite"},  {"colour", "color"},    {"grey", "gray"},
          {"organised", "organized"}, {"theatre", "theater"}, {"programme", "program"}};
}

TEST_CASE("English text is normalized as the reference does", "[english_normalizer]") {
  const EnglishTextNormalizer normalizer(Spellings());
  for (const auto& pair : kPairs) {
    INFO("text: " << pair.text);
    CHECK(normalizer.Normalize(pair.text) == pair.normalized);
  }
}

TEST_CASE("without a spelling table only the spelling stays", "[english_normalizer]") {
  const EnglishTextNormalizer without;
  CHECK_FALSE(without.has_spellings());
  CHECK(without.Normalize("Twenty one colours, grey theatre.") == "21 colours grey theatre");
  CHECK(EnglishTextNormalizer(Spellings()).has_spellings());
}

TEST_CASE("numbers may be longer than any machine word", "[english_normalizer]") {
  const EnglishTextNormalizer normalizer;
  CHECK(normalizer.Normalize("nine hundred ninety nine decillion one") == "999" + std::string(32, '0') + "1");
  const std::string digits(200, '7');
  CHECK(normalizer.Normalize(digits) == digits);
  CHECK(normalizer.Normalize(digits + ".5 hundred") == digits + "50");
}

TEST_CASE("ill-formed UTF-8 and control characters do no harm", "[english_normalizer]") {
  const EnglishTextNormalizer normalizer;
  CHECK(normalizer.Normalize("caf\xE9 \xFF\xFE two") == "caf 2");
  CHECK(normalizer.Normalize(std::string_view("a\0b", 3)) == std::string_view("a\0b", 3));
  CHECK(normalizer.Normalize("") == "");
}

}  // namespace
}  // namespace earshot
