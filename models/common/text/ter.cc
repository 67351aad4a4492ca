// Translation edit rate: the greedy search for block moves.
#include "models/common/text/ter.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "models/common/text/ngrams.h"
#include "models/common/text/ter_alignment.h"
#include "models/common/text/text_edit.h"
#include "models/common/text/translation_tokenizer.h"
#include "models/common/text/unicode.h"

namespace earshot {
namespace {

// Limits of Tercom and sacrebleu.
constexpr size_t kMaxBlockWords = 10;
constexpr size_t kMaxMoveWords = 50;
constexpr int kMaxCandidates = 1000;

// A run of words that hypothesis and reference share.
struct Block {
  size_t hypothesis_begin;
  size_t reference_begin;
  size_t length;
};

std::vector<Block> SharedBlocks(std::u32string_view hypothesis, std::u32string_view reference) {
  std::vector<Block> blocks;
  for (size_t h = 0; h < hypothesis.size(); ++h) {
    for (size_t r = 0; r < reference.size(); ++r) {
      if ((h > r ? h - r : r - h) > kMaxMoveWords) continue;
      const size_t longest = std::min({kMaxBlockWords, hypothesis.size() - h, reference.size() - r});
      for (size_t n = 0; n < longest && hypothesis[h + n] == reference[r + n]; ++n)
        blocks.push_back({h, r, n + 1});
    }
  }
  return blocks;
}

// `words` with the block [begin, begin + length) taken out and put before what was at `target`; a target
// inside the block or right behind it moves the block on by as many words.
std::u32string MoveBlock(std::u32string_view words, size_t begin, size_t length, size_t target) {
  std::u32string rest(words.substr(0, begin));
  rest += words.substr(begin + length);
  const size_t at = target > begin + length ? target - length : target;
  rest.insert(std::min(at, rest.size()), words.substr(begin, length));
  return rest;
}

bool AnyIn(const std::vector<bool>& flags, size_t begin, size_t length) {
  for (size_t i = begin; i < begin + length; ++i) {
    if (flags[i]) return true;
  }
  return false;
}

// Worth moving: wrong where it is, missing where it belongs, and that is somewhere else.
bool IsMovable(const Block& block, const TerAlignment& alignment) {
  if (!AnyIn(alignment.hypothesis_is_wrong, block.hypothesis_begin, block.length)) return false;
  if (!AnyIn(alignment.reference_is_wrong, block.reference_begin, block.length)) return false;
  const int64_t now = alignment.hypothesis_position[block.reference_begin];
  const auto begin = static_cast<int64_t>(block.hypothesis_begin);
  return now < begin || now >= begin + static_cast<int64_t>(block.length);
}

// Where the block may go: behind the words aligned with the one before its place in the reference and with
// each of the words it matches there.
std::vector<size_t> Targets(const Block& block, const TerAlignment& alignment) {
  std::vector<size_t> targets;
  for (size_t n = 0; n <= block.length; ++n) {
    const size_t after = block.reference_begin + n;  // one past the reference word in question
    const size_t target = after == 0 ? 0 : static_cast<size_t>(alignment.hypothesis_position[after - 1] + 1);
    if (targets.empty() || targets.back() != target) targets.push_back(target);
  }
  return targets;
}

struct Move {
  int64_t gain;  // edits saved, not counting the move itself
  size_t length, begin, target;
  std::u32string result;

  // Largest gain, then longest block, then the foremost, then the foremost target.
  bool IsBetterThan(const Move& other) const {
    return std::tie(gain, length, other.begin, other.target) >
           std::tie(other.gain, other.length, begin, target);
  }
};

// The best single move; gain 0 without any. Counts what it tried in `num_candidates` and stops at the limit.
Move BestMove(const std::u32string& hypothesis, const std::u32string& reference, int* num_candidates) {
  const TerAlignment alignment = AlignForTer(hypothesis, reference);
  Move best{.gain = 0, .length = 0, .begin = 0, .target = 0, .result = hypothesis};
  bool found = false;
  for (const Block& block : SharedBlocks(hypothesis, reference)) {
    if (!IsMovable(block, alignment)) continue;
    for (const size_t target : Targets(block, alignment)) {
      Move move{.gain = 0,
                .length = block.length,
                .begin = block.hypothesis_begin,
                .target = target,
                .result = MoveBlock(hypothesis, block.hypothesis_begin, block.length, target)};
      move.gain = alignment.edits - AlignForTer(move.result, reference).edits;
      ++*num_candidates;
      if (!found || move.IsBetterThan(best)) best = std::move(move);
      found = true;
    }
    if (*num_candidates >= kMaxCandidates) break;
  }
  return best;
}

int64_t CountEdits(std::u32string hypothesis, const std::u32string& reference) {
  if (reference.empty()) return static_cast<int64_t>(hypothesis.size());
  int64_t num_moves = 0;
  int num_candidates = 0;
  while (true) {
    Move move = BestMove(hypothesis, reference, &num_candidates);
    // The move that reaches the limit is not made, as in the original.
    if (move.gain <= 0 || num_candidates >= kMaxCandidates) break;
    hypothesis = std::move(move.result);
    ++num_moves;
  }
  return num_moves + AlignForTer(hypothesis, reference).edits;
}

std::vector<std::u32string> Tokenize(const std::string& line, const TerOptions& options) {
  std::u32string text = unicode::DecodeUtf8(line);
  if (!options.case_sensitive) text = unicode::LowerCase(text);
  return TokenizeTranslation(
      text, options.normalized ? TranslationTokenizer::kTercom : TranslationTokenizer::kNone);
}

// sacrebleu normalizes references twice, which parts words like "John's." further; its scores are only met
// that way.
std::vector<std::u32string> TokenizeReference(const std::string& line, const TerOptions& options) {
  const std::vector<std::u32string> tokens = Tokenize(line, options);
  if (!options.normalized) return tokens;
  return TokenizeTranslation(text_edit::JoinWords(tokens), TranslationTokenizer::kTercom);
}

}  // namespace

Result<TerScore> CorpusTer(const TranslationCorpus& corpus, const TerOptions& options) {
  EARSHOT_RETURN_IF_ERROR(CheckCorpus(corpus));
  TerScore total;
  for (size_t line = 0; line < corpus.hypotheses.size(); ++line) {
    WordSymbols symbols;
    const std::u32string hypothesis = symbols.Of(Tokenize(corpus.hypotheses[line], options));
    int64_t fewest = INT64_MAX;
    size_t reference_words = 0;
    for (const auto& set : corpus.references) {
      const std::u32string reference = symbols.Of(TokenizeReference(set[line], options));
      fewest = std::min(fewest, CountEdits(hypothesis, reference));
      reference_words += reference.size();
    }
    total.edits += fewest;
    total.reference_words +=
        static_cast<double>(reference_words) / static_cast<double>(corpus.references.size());
  }
  if (total.reference_words > 0) {
    total.score = 100.0 * static_cast<double>(total.edits) / total.reference_words;
  } else if (total.edits > 0) {
    total.score = 100.0;
  }
  return total;
}

}  // namespace earshot
