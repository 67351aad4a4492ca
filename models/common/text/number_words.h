// The English words that take part in a spoken number, with the meaning Whisper's normalizer gives them.
#ifndef EARSHOT_MODELS_COMMON_TEXT_NUMBER_WORDS_H_
#define EARSHOT_MODELS_COMMON_TEXT_NUMBER_WORDS_H_

#include <cstdint>
#include <string_view>

namespace earshot {

struct NumberWord {
  enum class Kind : uint8_t {
    kZero,        // zero, oh, o
    kOnes,        // one to nineteen; also zeroth. value: 0 to 19
    kTens,        // twenty to ninety. value: 20 to 90
    kMultiplier,  // hundred to decillion. value: the power of ten
    kSign,        // minus, plus, ...: before a number. symbol
    kCurrency,    // dollars, cents, ...: after a number. symbol
    kPercent,     // percent
    kPer,         // percent if "cent" follows
    kAnd,         // joins after a multiplier
    kRepeat,      // double, triple. value: how often
    kPoint,       // the decimal point
  };
  Kind kind;
  int value = 0;
  char32_t symbol = 0;
  std::u32string_view suffix = {};  // of ordinals and plurals of kOnes, kTens, kMultiplier: st, nd, rd, th, s

  bool IsCardinal(Kind of_kind) const { return kind == of_kind && suffix.empty(); }
  // What may follow the word "point".
  bool IsDigits() const { return kind == Kind::kZero || IsCardinal(Kind::kOnes) || IsCardinal(Kind::kTens); }
};

// The entry of a lower-case word, static storage; nullptr if the word has no part in numbers.
const NumberWord* FindNumberWord(std::u32string_view word);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_NUMBER_WORDS_H_
