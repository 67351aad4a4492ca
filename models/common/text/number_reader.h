// Turns spoken numbers inside a list of English words into digits: "one hundred and two" becomes "102".
// The rules are those of Whisper's EnglishNumberNormalizer (Radford et al. 2022, appendix C).
#ifndef EARSHOT_MODELS_COMMON_TEXT_NUMBER_READER_H_
#define EARSHOT_MODELS_COMMON_TEXT_NUMBER_READER_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/common/text/number_words.h"

namespace earshot {

// A state machine over the words. The state is the number being read, in one of two forms:
//   quantity  a whole number that further words add to or multiply ("two thousand" + "twenty" + "one");
//   digits    a string of digits that further words are appended to ("one oh one", "3.5", "nineteen" +
//   "eighty").
// A quantity becomes digits as soon as a word cannot be added to it ("twenty" "thirty" -> 2030). With it goes
// a pending sign or currency symbol, which is written before whatever comes out next. Threads: one object per
// thread. Errors: none, every list of words has a reading.
class NumberReader {
 public:
  // Words are lower case and not empty.
  std::vector<std::u32string> Read(std::span<const std::u32string_view> words);

 private:
  enum class Form { kNone, kQuantity, kDigits };

  // A word with its neighbours; empty views and null pointers at the ends of the text.
  struct Position {
    std::u32string_view word, next_word;
    const NumberWord* previous;
    const NumberWord* current;
    const NumberWord* next;
    bool next_is_plain_number;

    bool NextIsNumeric() const { return next != nullptr || next_is_plain_number; }
  };

  bool ReadPlainNumber(std::u32string_view word);
  void ReadNumeral(const Position& at);
  void ReadSign(const Position& at);
  void ReadCurrency(const Position& at);
  void ReadPercent(const Position& at);
  void ReadPer(const Position& at);
  void ReadAnd(const Position& at);
  void ReadRepeat(const Position& at);
  void ReadPoint(const Position& at);

  void AddOnes(int ones, const NumberWord* previous);
  void AddTens(int tens);
  void Multiply(int exponent);

  void SetQuantity(std::u32string digits);
  void AppendDigits(std::u32string_view digits);
  bool QuantityEndsInZeros(size_t num_zeros) const;
  void OverwriteLastDigits(std::u32string_view digits);

  void Emit(std::u32string_view text);  // with the pending symbol; forgets the number
  void EmitNumber(std::u32string_view suffix);
  void FinishNumber();  // EmitNumber if there is one

  Form form_ = Form::kNone;
  std::u32string number_;
  char32_t symbol_ = 0;     // pending sign or currency, 0 for none
  bool skip_next_ = false;  // the next word has been read together with this one
  std::vector<std::u32string> output_;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_TEXT_NUMBER_READER_H_
