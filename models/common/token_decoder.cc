// TokenDecoder, and the well-formedness of UTF-8 (The Unicode Standard 15.0, table 3-7).
#include "models/common/token_decoder.h"

#include <algorithm>
#include <cstring>

namespace earshot {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Sequence {
  size_t size;    // bytes that belong together: a character, or a maximal part of one
  bool complete;  // a character
  bool cut_off;   // not complete only because the text ends
};

// The sequence at the begin of `text`, which is not empty.
Sequence NextSequence(std::string_view text) {
  const auto byte = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {.size = 1, .complete = true, .cut_off = false};
  const size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0) return {.size = 1, .complete = false, .cut_off = false};
  // The second byte is what keeps out overlong forms, surrogates and code points above U+10FFFF.
  const unsigned second_min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned second_max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {.size = i, .complete = false, .cut_off = true};
    const unsigned min = i == 1 ? second_min : 0x80;
    const unsigned max = i == 1 ? second_max : 0xBF;
    if (byte(i) < min || byte(i) > max) return {.size = i, .complete = false, .cut_off = false};
  }
  return {.size = length, .complete = true, .cut_off = false};
}

}  // namespace

Result<TokenDecoder> TokenDecoder::Create(std::span<const uint8_t> blob, std::span<const uint32_t> offsets,
                                          int32_t first_special) {
  if (offsets.empty() || first_special < 0 || static_cast<size_t>(first_special) > offsets.size() - 1) {
    return Status::Error(StatusCode::kInvalidModel, "tokenizer: %zu offsets do not cover the ids below %d",
                         offsets.size(), first_special);
  }
  for (size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] < offsets[i - 1]) {
      return Status::Error(StatusCode::kInvalidModel,
                           "tokenizer: the bytes of token %zu end at %u, before they begin (%u)", i - 1,
                           offsets[i], offsets[i - 1]);
    }
  }
  if (offsets.back() > blob.size()) {
    return Status::Error(StatusCode::kInvalidModel, "tokenizer: the tokens need %u bytes, the table has %zu",
                         offsets.back(), blob.size());
  }
  TokenDecoder decoder;
  decoder.blob_ = reinterpret_cast<const char*>(blob.data());
  decoder.offsets_ = offsets.data();
  decoder.first_special_ = first_special;
  return decoder;
}

Status TokenDecoder::Append(std::span<const int32_t> ids, std::span<char> buffer, size_t& used) const {
  size_t needed = used;
  for (const int32_t id : ids) {
    if (id < 0) return Status::Error(StatusCode::kInvalidArgument, "tokenizer: %d is not a token id", id);
    needed += Bytes(id).size();
  }
  if (needed > buffer.size()) {
    return Status::Error(StatusCode::kOutOfMemory,
                         "tokenizer: the text buffer holds %zu bytes, %zu are needed", buffer.size(), needed);
  }
  for (const int32_t id : ids) {
    const std::string_view bytes = Bytes(id);
    std::copy(bytes.begin(), bytes.end(), buffer.begin() + static_cast<std::ptrdiff_t>(used));
    used += bytes.size();
  }
  return Status::Ok();
}

size_t IncompleteUtf8Suffix(std::string_view text) {
  for (size_t size = 1; size <= std::min<size_t>(3, text.size()); ++size) {
    const Sequence sequence = NextSequence(text.substr(text.size() - size));
    if (sequence.cut_off && sequence.size == size) return size;
  }
  return 0;
}

Result<size_t> ReplaceInvalidUtf8(std::string_view text, std::span<char> out) {
  size_t written = 0;
  while (!text.empty()) {
    const Sequence sequence = NextSequence(text);
    const std::string_view bytes = sequence.complete ? text.substr(0, sequence.size) : kReplacement;
    if (bytes.size() > out.size() - written) {
      return Status::Error(StatusCode::kOutOfMemory,
                           "text: %zu bytes are too few; give three for each byte of the input", out.size());
    }
    std::memcpy(out.data() + written, bytes.data(), bytes.size());
    written += bytes.size();
    text.remove_prefix(sequence.size);
  }
  return written;
}

bool IsBlank(std::string_view text) {
  constexpr std::string_view kSpaceAndSigns = " \t\n\v\f\r!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  return text.find_first_not_of(kSpaceAndSigns) == std::string_view::npos;
}

}  // namespace earshot
