// Word and character error rates.
#include "models/common/text/error_rate.h"

#include <algorithm>
#include <unordered_map>

#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

// One cell of the distance table: the minimal number of edits, and how many hits the preferred alignment has.
struct Cell {
  int64_t edits;
  int64_t hits;
};

// Whole numbers in place of tokens, equal where the tokens are.
class TokenIds {
 public:
  std::vector<size_t> Of(std::span<const std::u32string_view> tokens) {
    std::vector<size_t> ids;
    ids.reserve(tokens.size());
    for (const std::u32string_view token : tokens)
      ids.push_back(ids_.try_emplace(token, ids_.size()).first->second);
    return ids;
  }

 private:
  std::unordered_map<std::u32string_view, size_t> ids_;
};

// The last cell of the table. Hits are carried along the preferred alignment, so no table has to be kept.
Cell AlignWholly(std::span<const size_t> reference, std::span<const size_t> hypothesis) {
  std::vector<Cell> column(reference.size() + 1);  // one hypothesis prefix against all reference prefixes
  for (size_t i = 0; i < column.size(); ++i) column[i] = {static_cast<int64_t>(i), 0};
  for (size_t j = 1; j <= hypothesis.size(); ++j) {
    Cell diagonal = column[0];  // of the column before, one reference token less
    column[0] = {static_cast<int64_t>(j), 0};
    for (size_t i = 1; i <= reference.size(); ++i) {
      const Cell left = column[i];  // of the column before
      const bool is_hit = reference[i - 1] == hypothesis[j - 1];
      const int64_t edits =
          std::min({diagonal.edits + (is_hit ? 0 : 1), left.edits + 1, column[i - 1].edits + 1});
      int64_t hits = diagonal.hits + (is_hit ? 1 : 0);
      if (edits == column[i - 1].edits + 1) {
        hits = column[i - 1].hits;
      } else if (left.edits == diagonal.edits - 1) {
        hits = left.hits;
      }
      column[i] = {edits, hits};
      diagonal = left;
    }
  }
  return column.back();
}

std::vector<std::u32string_view> Characters(std::u32string_view text, SpacesInCharacters spaces) {
  std::vector<std::u32string_view> characters;
  const std::u32string_view trimmed = text_edit::Trim(text);
  for (size_t i = 0; i < trimmed.size(); ++i) {
    if (spaces == SpacesInCharacters::kIgnore && unicode::IsSpace(trimmed[i])) continue;
    characters.push_back(trimmed.substr(i, 1));
  }
  return characters;
}

double Ratio(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

double ErrorCounts::Rate() const { return Ratio(Errors(), std::max<int64_t>(ReferenceTokens(), 1)); }

double ErrorCounts::MatchErrorRate() const { return Ratio(Errors(), std::max<int64_t>(Errors() + hits, 1)); }

double ErrorCounts::InformationLost() const {
  if (ReferenceTokens() == 0 && HypothesisTokens() == 0) return 0.0;
  if (hits == 0) return 1.0;
  return 1.0 - Ratio(hits, ReferenceTokens()) * Ratio(hits, HypothesisTokens());
}

ErrorCounts& ErrorCounts::operator+=(const ErrorCounts& other) {
  hits += other.hits;
  substitutions += other.substitutions;
  insertions += other.insertions;
  deletions += other.deletions;
  return *this;
}

ErrorCounts CountErrors(std::span<const std::u32string_view> reference,
                        std::span<const std::u32string_view> hypothesis) {
  TokenIds token_ids;
  const std::vector<size_t> reference_ids = token_ids.Of(reference);
  const std::vector<size_t> hypothesis_ids = token_ids.Of(hypothesis);
  std::span<const size_t> ref = reference_ids;
  std::span<const size_t> hyp = hypothesis_ids;

  // Equal beginnings and ends belong to some minimal alignment; setting them aside first is what decides ties
  // there.
  int64_t affix_hits = 0;
  while (!ref.empty() && !hyp.empty() && ref.front() == hyp.front()) {
    ref = ref.subspan(1);
    hyp = hyp.subspan(1);
    ++affix_hits;
  }
  while (!ref.empty() && !hyp.empty() && ref.back() == hyp.back()) {
    ref = ref.first(ref.size() - 1);
    hyp = hyp.first(hyp.size() - 1);
    ++affix_hits;
  }

  const Cell last = AlignWholly(ref, hyp);
  // reference = hits + substitutions + deletions, hypothesis = hits + substitutions + insertions, and the
  // edits are the sum of the three: solved for the three.
  const int64_t unmatched_reference = static_cast<int64_t>(ref.size()) - last.hits;
  const int64_t unmatched_hypothesis = static_cast<int64_t>(hyp.size()) - last.hits;
  return {.hits = affix_hits + last.hits,
          .substitutions = unmatched_reference + unmatched_hypothesis - last.edits,
          .insertions = last.edits - unmatched_reference,
          .deletions = last.edits - unmatched_hypothesis};
}

ErrorCounts CountWordErrors(std::string_view reference, std::string_view hypothesis) {
  const std::u32string ref = unicode::DecodeUtf8(reference);
  const std::u32string hyp = unicode::DecodeUtf8(hypothesis);
  return CountErrors(text_edit::SplitWords(ref), text_edit::SplitWords(hyp));
}

ErrorCounts CountCharacterErrors(std::string_view reference, std::string_view hypothesis,
                                 SpacesInCharacters spaces) {
  const std::u32string ref = unicode::DecodeUtf8(reference);
  const std::u32string hyp = unicode::DecodeUtf8(hypothesis);
  return CountErrors(Characters(ref, spaces), Characters(hyp, spaces));
}

}  // namespace earshot
