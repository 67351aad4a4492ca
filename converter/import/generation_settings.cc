// Lists of tokens that a decoder must not choose.
#include "converter/import/generation_settings.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

namespace earshot::checkpoint {
namespace {

constexpr std::string_view kSymbols[] = {
    "\"",  "#",  "(",  ")",  "*",   "+",  "/",  ":",   ";",   "<",  "=",  ">",  "@",  "[",   "\\",  "]",
    "^",   "_",  "`",  "{",  "|",   "}",  "~",  "「",  "」",  "『", "』", "<<", ">>", "<<<", ">>>", "--",
    "---", "-(", "-[", "('", "(\"", "((", "))", "(((", ")))", "[[", "]]", "{{", "}}", "♪♪",  "♪♪♪"};
constexpr std::string_view kMusicalSymbols[] = {"♩", "♪", "♫", "♬", "♭", "♮", "♯"};
// Between words these are punctuation; alone with a space they begin a list or a quotation.
constexpr std::string_view kSpacedOnly[] = {" -", " '"};

constexpr const char* kControlTokens[] = {"<|startoftranscript|>", "<|translate|>",   "<|transcribe|>",
                                          "<|startoflm|>",         "<|startofprev|>", "<|nospeech|>"};

using PieceIds = std::unordered_map<std::string_view, int64_t>;

PieceIds IndexPieces(const ir::Tokenizer& tokenizer) {
  PieceIds ids;
  for (size_t id = 0; id < tokenizer.pieces.size(); ++id) {
    if (!tokenizer.pieces[id].empty()) ids.try_emplace(tokenizer.pieces[id], static_cast<int64_t>(id));
  }
  return ids;
}

void InsertIfToken(const PieceIds& ids, std::string_view text, std::set<int64_t>& tokens) {
  if (const auto found = ids.find(text); found != ids.end()) tokens.insert(found->second);
}

// The longest token that the text begins with: for these short texts the one that merging byte pairs arrives
// at.
void InsertFirstToken(const PieceIds& ids, std::string_view text, std::set<int64_t>& tokens) {
  for (size_t bytes = text.size(); bytes > 0; --bytes) {
    const auto found = ids.find(text.substr(0, bytes));
    if (found == ids.end()) continue;
    tokens.insert(found->second);
    return;
  }
}

std::vector<int64_t> Sorted(const std::vector<int64_t>& ids) {
  const std::set<int64_t> sorted(ids.begin(), ids.end());
  return {sorted.begin(), sorted.end()};
}

Status CheckIds(const std::vector<int64_t>& ids, const ir::Tokenizer& tokenizer) {
  const auto is_bad = [&tokenizer](int64_t id) {
    return id < 0 || static_cast<size_t>(id) >= tokenizer.pieces.size();
  };
  const auto bad = std::ranges::find_if(ids, is_bad);
  if (bad == ids.end()) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "a list of suppressed tokens holds %lld, but there are %zu tokens",
                       static_cast<long long>(*bad), tokenizer.pieces.size());
}

std::vector<int64_t> BlankAndEnd(const ir::Tokenizer& tokenizer) {
  std::set<int64_t> tokens;
  InsertIfToken(IndexPieces(tokenizer), " ", tokens);
  const auto end = tokenizer.special_tokens.find("<|endoftext|>");
  if (end != tokenizer.special_tokens.end()) tokens.insert(end->second);
  return {tokens.begin(), tokens.end()};
}

}  // namespace

std::vector<int64_t> NonSpeechTokens(const ir::Tokenizer& tokenizer) {
  const PieceIds ids = IndexPieces(tokenizer);
  std::set<int64_t> tokens;
  for (const std::string_view text : kSpacedOnly) InsertIfToken(ids, text, tokens);
  for (const std::string_view symbol : kSymbols) {
    InsertIfToken(ids, symbol, tokens);
    InsertIfToken(ids, " " + std::string(symbol), tokens);
  }
  for (const std::string_view symbol : kMusicalSymbols) {
    InsertFirstToken(ids, symbol, tokens);
    InsertFirstToken(ids, " " + std::string(symbol), tokens);
  }
  return {tokens.begin(), tokens.end()};
}

Result<ir::GenerationSettings> MakeGenerationSettings(const SuppressionLists& lists,
                                                      const ir::Tokenizer& tokenizer) {
  ir::GenerationSettings settings;
  std::vector<int64_t> suppressed = lists.suppressed ? *lists.suppressed : NonSpeechTokens(tokenizer);
  for (const char* name : kControlTokens) {
    const auto found = tokenizer.special_tokens.find(name);
    if (found != tokenizer.special_tokens.end()) suppressed.push_back(found->second);
  }
  settings.suppressed_tokens = Sorted(suppressed);
  settings.begin_suppressed_tokens =
      Sorted(lists.begin_suppressed ? *lists.begin_suppressed : BlankAndEnd(tokenizer));
  EARSHOT_RETURN_IF_ERROR(CheckIds(settings.suppressed_tokens, tokenizer));
  EARSHOT_RETURN_IF_ERROR(CheckIds(settings.begin_suppressed_tokens, tokenizer));
  return settings;
}

}  // namespace earshot::checkpoint
