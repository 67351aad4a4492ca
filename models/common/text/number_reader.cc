// The state machine that reads spoken numbers.
#include "models/common/text/number_reader.h"

#include <algorithm>
#include <utility>

#include "models/common/text/decimal_digits.h"

namespace earshot {
namespace {

using Kind = NumberWord::Kind;

constexpr std::u32string_view kSymbolsBeforeNumbers = U"-+£€$¢";

}  // namespace

std::vector<std::u32string> NumberReader::Read(std::span<const std::u32string_view> words) {
  output_.clear();
  for (size_t i = 0; i < words.size(); ++i) {
    if (std::exchange(skip_next_, false)) continue;
    if (ReadPlainNumber(words[i])) continue;
    const std::u32string_view next_word = i + 1 < words.size() ? words[i + 1] : std::u32string_view();
    const Position at = {.word = words[i],
                         .next_word = next_word,
                         .previous = i > 0 ? FindNumberWord(words[i - 1]) : nullptr,
                         .current = FindNumberWord(words[i]),
                         .next = FindNumberWord(next_word),
                         .next_is_plain_number = decimal_digits::IsPlainNumber(next_word)};
    if (at.current == nullptr) {
      FinishNumber();
      Emit(at.word);
      continue;
    }
    switch (at.current->kind) {
      case Kind::kZero:
        AppendDigits(U"0");
        break;
      case Kind::kOnes:
      case Kind::kTens:
      case Kind::kMultiplier:
        ReadNumeral(at);
        break;
      case Kind::kSign:
        ReadSign(at);
        break;
      case Kind::kCurrency:
        ReadCurrency(at);
        break;
      case Kind::kPercent:
        ReadPercent(at);
        break;
      case Kind::kPer:
        ReadPer(at);
        break;
      case Kind::kAnd:
        ReadAnd(at);
        break;
      case Kind::kRepeat:
        ReadRepeat(at);
        break;
      case Kind::kPoint:
        ReadPoint(at);
        break;
    }
  }
  FinishNumber();
  form_ = Form::kNone;
  symbol_ = 0;
  return std::move(output_);
}

// Digits, perhaps with a fraction and a symbol before them: "1960", "$3.50".
bool NumberReader::ReadPlainNumber(std::u32string_view word) {
  const bool has_symbol = kSymbolsBeforeNumbers.find(word.front()) != std::u32string_view::npos;
  const std::u32string_view number = word.substr(has_symbol ? 1 : 0);
  if (!decimal_digits::IsPlainNumber(number)) return false;
  if (form_ == Form::kDigits && number_.back() == U'.') {
    number_.append(word);
    return true;
  }
  FinishNumber();
  if (has_symbol) symbol_ = word.front();
  if (auto whole = decimal_digits::ScaledToWhole(number, 0)) {
    SetQuantity(*std::move(whole));
  } else {
    form_ = Form::kDigits;
    number_ = number;
  }
  return true;
}

// Ordinals and plurals combine like their cardinals and end the number.
void NumberReader::ReadNumeral(const Position& at) {
  switch (at.current->kind) {
    case Kind::kOnes:
      AddOnes(at.current->value, at.previous);
      break;
    case Kind::kTens:
      AddTens(at.current->value);
      break;
    default:
      Multiply(at.current->value);
      break;
  }
  if (!at.current->suffix.empty()) EmitNumber(at.current->suffix);
}

void NumberReader::AddOnes(int ones, const NumberWord* previous) {
  const std::u32string digits = decimal_digits::FromInt(ones);
  const bool after_ones = previous != nullptr && previous->IsCardinal(Kind::kOnes);
  const bool after_tens = previous != nullptr && previous->IsCardinal(Kind::kTens);
  if (form_ == Form::kNone) {
    SetQuantity(digits);
  } else if (form_ == Form::kDigits ? after_tens && ones < 10
                                    : !after_ones && QuantityEndsInZeros(digits.size())) {
    OverwriteLastDigits(digits);
  } else {
    AppendDigits(digits);
  }
}

void NumberReader::AddTens(int tens) {
  const std::u32string digits = decimal_digits::FromInt(tens);
  if (form_ == Form::kNone) {
    SetQuantity(digits);
  } else if (form_ == Form::kQuantity && QuantityEndsInZeros(digits.size())) {
    OverwriteLastDigits(digits);
  } else {
    AppendDigits(digits);
  }
}

void NumberReader::Multiply(int exponent) {
  if (form_ == Form::kQuantity) {
    number_ = decimal_digits::MultiplyLowestThousand(number_, exponent);
    return;
  }
  if (form_ == Form::kDigits) {
    if (auto product = decimal_digits::ScaledToWhole(number_, exponent)) {
      SetQuantity(*std::move(product));
      return;
    }
    EmitNumber(U"");
  }
  SetQuantity(decimal_digits::PowerOfTen(exponent));
}

void NumberReader::ReadSign(const Position& at) {
  FinishNumber();
  if (at.NextIsNumeric()) {
    symbol_ = at.current->symbol;
  } else {
    Emit(at.word);
  }
}

// "five dollars": the symbol moves before the number, in place of any other.
void NumberReader::ReadCurrency(const Position& at) {
  if (form_ == Form::kNone) {
    Emit(at.word);
  } else {
    symbol_ = at.current->symbol;
    EmitNumber(U"");
  }
}

void NumberReader::ReadPercent(const Position& at) {
  if (form_ == Form::kNone) {
    Emit(at.word);
  } else {
    EmitNumber(U"%");
  }
}

void NumberReader::ReadPer(const Position& at) {
  if (form_ != Form::kNone && at.next_word == U"cent") {
    EmitNumber(U"%");
    skip_next_ = true;
    return;
  }
  FinishNumber();
  Emit(at.word);
}

// "one hundred and two": silent after a multiplier.
void NumberReader::ReadAnd(const Position& at) {
  if (at.NextIsNumeric() && at.previous != nullptr && at.previous->IsCardinal(Kind::kMultiplier)) return;
  FinishNumber();
  Emit(at.word);
}

// "double seven": 77.
void NumberReader::ReadRepeat(const Position& at) {
  if (at.next != nullptr && (at.next->kind == Kind::kZero || at.next->IsCardinal(Kind::kOnes))) {
    const std::u32string digits = decimal_digits::FromInt(at.next->value);
    std::u32string repeated;
    for (int i = 0; i < at.current->value; ++i) repeated += digits;
    AppendDigits(repeated);
    skip_next_ = true;
    return;
  }
  FinishNumber();
  Emit(at.word);
}

void NumberReader::ReadPoint(const Position& at) {
  if (at.next_is_plain_number || (at.next != nullptr && at.next->IsDigits())) {
    AppendDigits(U".");
  } else if (!at.NextIsNumeric()) {
    FinishNumber();
    Emit(at.word);
  }
  // Before any other number word ("point million") it is dropped.
}

void NumberReader::SetQuantity(std::u32string digits) {
  form_ = Form::kQuantity;
  number_ = std::move(digits);
}

// A quantity of zero counts as nothing here ("0" "seven" -> 7).
void NumberReader::AppendDigits(std::u32string_view digits) {
  if (form_ == Form::kNone || (form_ == Form::kQuantity && number_ == U"0")) number_.clear();
  form_ = Form::kDigits;
  number_.append(digits);
}

bool NumberReader::QuantityEndsInZeros(size_t num_zeros) const {
  if (number_ == U"0") return true;
  return number_.size() >= num_zeros && number_.find_last_not_of(U'0') < number_.size() - num_zeros;
}

void NumberReader::OverwriteLastDigits(std::u32string_view digits) {
  number_.resize(number_.size() - std::min(number_.size(), digits.size()));
  number_.append(digits);
}

void NumberReader::Emit(std::u32string_view text) {
  std::u32string token;
  if (symbol_ != 0) token.push_back(symbol_);
  token.append(text);
  output_.push_back(std::move(token));
  form_ = Form::kNone;
  symbol_ = 0;
}

void NumberReader::EmitNumber(std::u32string_view suffix) { Emit(number_ + std::u32string(suffix)); }

void NumberReader::FinishNumber() {
  if (form_ != Form::kNone) EmitNumber(U"");
}

}  // namespace earshot
