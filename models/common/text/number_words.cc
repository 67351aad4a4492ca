// The vocabulary of spoken numbers.
#include "models/common/text/number_words.h"

#include <unordered_map>

namespace earshot {
namespace {

using Kind = NumberWord::Kind;
using Vocabulary = std::unordered_map<std::u32string_view, NumberWord>;

struct Numeral {
  std::u32string_view cardinal, ordinal, plural;
  int value;
};

// Ordinals as the original has them: "nineth" is known, "ninth" is not (it stays a word in both texts of a
// comparison).
constexpr Numeral kOnes[] = {
    {U"one", U"first", U"ones", 1},
    {U"two", U"second", U"twos", 2},
    {U"three", U"third", U"threes", 3},
    {U"four", U"fourth", U"fours", 4},
    {U"five", U"fifth", U"fives", 5},
    {U"six", U"sixth", U"sixes", 6},
    {U"seven", U"seventh", U"sevens", 7},
    {U"eight", U"eighth", U"eights", 8},
    {U"nine", U"nineth", U"nines", 9},
    {U"ten", U"tenth", U"tens", 10},
    {U"eleven", U"eleventh", U"elevens", 11},
    {U"twelve", U"twelfth", U"twelves", 12},
    {U"thirteen", U"thirteenth", U"thirteens", 13},
    {U"fourteen", U"fourteenth", U"fourteens", 14},
    {U"fifteen", U"fifteenth", U"fifteens", 15},
    {U"sixteen", U"sixteenth", U"sixteens", 16},
    {U"seventeen", U"seventeenth", U"seventeens", 17},
    {U"eighteen", U"eighteenth", U"eighteens", 18},
    {U"nineteen", U"nineteenth", U"nineteens", 19},
};

constexpr Numeral kTens[] = {
    {U"twenty", U"twentieth", U"twenties", 20}, {U"thirty", U"thirtieth", U"thirties", 30},
    {U"forty", U"fortieth", U"forties", 40},    {U"fifty", U"fiftieth", U"fifties", 50},
    {U"sixty", U"sixtieth", U"sixties", 60},    {U"seventy", U"seventieth", U"seventies", 70},
    {U"eighty", U"eightieth", U"eighties", 80}, {U"ninety", U"ninetieth", U"nineties", 90},
};

constexpr Numeral kMultipliers[] = {
    {U"hundred", U"hundredth", U"hundreds", 2},
    {U"thousand", U"thousandth", U"thousands", 3},
    {U"million", U"millionth", U"millions", 6},
    {U"billion", U"billionth", U"billions", 9},
    {U"trillion", U"trillionth", U"trillions", 12},
    {U"quadrillion", U"quadrillionth", U"quadrillions", 15},
    {U"quintillion", U"quintillionth", U"quintillions", 18},
    {U"sextillion", U"sextillionth", U"sextillions", 21},
    {U"septillion", U"septillionth", U"septillions", 24},
    {U"octillion", U"octillionth", U"octillions", 27},
    {U"nonillion", U"nonillionth", U"nonillions", 30},
    {U"decillion", U"decillionth", U"decillions", 33},
};

constexpr struct {
  std::u32string_view word;
  NumberWord meaning;
} kOthers[] = {
    {U"zero", {Kind::kZero}},
    {U"oh", {Kind::kZero}},
    {U"o", {Kind::kZero}},
    {U"zeroth", {Kind::kOnes, 0, 0, U"th"}},
    {U"minus", {Kind::kSign, 0, U'-'}},
    {U"negative", {Kind::kSign, 0, U'-'}},
    {U"plus", {Kind::kSign, 0, U'+'}},
    {U"positive", {Kind::kSign, 0, U'+'}},
    {U"pound", {Kind::kCurrency, 0, U'£'}},
    {U"pounds", {Kind::kCurrency, 0, U'£'}},
    {U"euro", {Kind::kCurrency, 0, U'€'}},
    {U"euros", {Kind::kCurrency, 0, U'€'}},
    {U"dollar", {Kind::kCurrency, 0, U'$'}},
    {U"dollars", {Kind::kCurrency, 0, U'$'}},
    {U"cent", {Kind::kCurrency, 0, U'¢'}},
    {U"cents", {Kind::kCurrency, 0, U'¢'}},
    {U"percent", {Kind::kPercent}},
    {U"per", {Kind::kPer}},
    {U"and", {Kind::kAnd}},
    {U"double", {Kind::kRepeat, 2}},
    {U"triple", {Kind::kRepeat, 3}},
    {U"point", {Kind::kPoint}},
};

std::u32string_view OrdinalSuffix(Kind kind, int value) {
  if (kind != Kind::kOnes || value > 3) return U"th";
  return value == 1 ? U"st" : value == 2 ? U"nd" : U"rd";
}

template <size_t N>
void AddNumerals(const Numeral (&numerals)[N], Kind kind, Vocabulary* vocabulary) {
  for (const Numeral& numeral : numerals) {
    vocabulary->emplace(numeral.cardinal, NumberWord{kind, numeral.value});
    vocabulary->emplace(numeral.ordinal,
                        NumberWord{kind, numeral.value, 0, OrdinalSuffix(kind, numeral.value)});
    vocabulary->emplace(numeral.plural, NumberWord{kind, numeral.value, 0, U"s"});
  }
}

Vocabulary MakeVocabulary() {
  Vocabulary vocabulary;
  AddNumerals(kOnes, Kind::kOnes, &vocabulary);
  AddNumerals(kTens, Kind::kTens, &vocabulary);
  AddNumerals(kMultipliers, Kind::kMultiplier, &vocabulary);
  for (const auto& other : kOthers) vocabulary.emplace(other.word, other.meaning);
  return vocabulary;
}

}  // namespace

const NumberWord* FindNumberWord(std::u32string_view word) {
  static const Vocabulary vocabulary = MakeVocabulary();
  const auto found = vocabulary.find(word);
  return found == vocabulary.end() ? nullptr : &found->second;
}

}  // namespace earshot
