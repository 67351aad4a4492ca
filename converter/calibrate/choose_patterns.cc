// Measures heads once, then verifies choices from cheap to dear.
#include "converter/calibrate/choose_patterns.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include "converter/calibrate/head_errors.h"
#include "converter/calibrate/whisper_probe.h"
#include "converter/patterns/head_pattern_text.h"

namespace earshot::calibrate {
namespace {

constexpr int64_t kMaxTokens = 120;  // of a clip: 30 s of fast speech

// What full attention makes of a clip.
struct Reference {
  std::vector<float> output;  // [S, d]
  std::vector<int32_t> tokens;
};

// How far a choice is from full attention.
struct Deviation {
  double output_error = 0.0;
  double agreement = 1.0;
};

// Pairs of queries and keys that a head computes, over those of full attention, at the longest input.
double KeysShare(const ir::HeadPattern& pattern, int64_t length) {
  const std::unique_ptr<AttentionPattern> selects = MakePattern(pattern);
  int64_t pairs = 0;
  for (int64_t query = 0; query < length; ++query) {
    const QueryBlock row = {0, query, query + 1, length, length};
    for (int64_t i = 0; i < selects->NumRanges(row); ++i) {
      const KeyRange range = selects->Range(row, i);
      pairs += std::max<int64_t>(0, (range.end - range.begin + range.step - 1) / range.step);
    }
  }
  return static_cast<double>(pairs) / static_cast<double>(length * length);
}

int64_t LongestInput(const ir::Graph& graph, int method) {
  int64_t longest = 1;
  for (const ir::Symbol& symbol : graph.methods[static_cast<size_t>(method)].symbols)
    longest = std::max(longest, symbol.maximum);
  return longest;
}

// Computes in f32 and in full while it lives.
class PlainAttention {
 public:
  explicit PlainAttention(ir::Graph& graph) : layers_(patterns::EncoderAttention(graph)) {
    for (ir::Attention* layer : layers_) {
      arithmetics_.push_back(std::exchange(layer->arithmetic, ir::AttentionArithmetic::kF32));
      layer->pattern = ir::PatternKind::kFull;
      layer->heads.clear();
    }
  }
  ~PlainAttention() {
    for (size_t i = 0; i < layers_.size(); ++i) layers_[i]->arithmetic = arithmetics_[i];
  }
  PlainAttention(const PlainAttention&) = delete;
  PlainAttention& operator=(const PlainAttention&) = delete;

 private:
  std::vector<ir::Attention*> layers_;
  std::vector<ir::AttentionArithmetic> arithmetics_;
};

class Chooser {
 public:
  Chooser(ir::Graph& graph, const std::vector<Clip>& clips, const ChoiceOptions& options)
      : graph_(graph), clips_(clips), options_(options), candidates_(options.candidates) {
    if (candidates_.empty()) candidates_ = DefaultCandidates();
  }

  Result<PatternChoice> Run() {
    const PlainAttention plain(graph_);
    EARSHOT_RETURN_IF_ERROR(MeasureHeads());
    // The loosest step within the bounds; those behind the last are full attention.
    int low = 0, high = kNumPrices;
    PatternChoice best = FullChoice();
    while (low < high) {
      const int middle = (low + high) / 2;
      PatternChoice choice = Choose(std::exp2(static_cast<double>(middle)));
      EARSHOT_ASSIGN_OR_RETURN(const Deviation deviation, Verify(choice));
      choice.output_error = deviation.output_error;
      choice.agreement = deviation.agreement;
      if (deviation.output_error <= options_.bounds.max_output_error &&
          deviation.agreement >= options_.bounds.min_agreement) {
        best = std::move(choice);
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    patterns::SetEncoderPatterns(graph_, best.patterns);
    return best;
  }

 private:
  static constexpr int kNumPrices = 32;  // a price is 2^i

  void Progress(const std::string& what) const {
    if (options_.on_progress) options_.on_progress(what);
  }

  Status MeasureHeads() {
    int method = -1;
    EARSHOT_ASSIGN_OR_RETURN(std::vector<EncoderLayer> layers, FindEncoderLayers(graph_, &method));
    for (const ir::HeadPattern& candidate : candidates_)
      shares_.push_back(KeysShare(candidate, LongestInput(graph_, method)));
    errors_ = std::make_unique<HeadErrors>(graph_, method, std::move(layers), candidates_, options_.pool);
    EARSHOT_ASSIGN_OR_RETURN(
        const auto probe,
        WhisperProbe::Create(graph_, {.pool = options_.pool, .observer = errors_->observer()}));
    for (size_t i = 0; i < clips_.size(); ++i) {
      Progress("measuring heads on clip " + std::to_string(i + 1) + " of " + std::to_string(clips_.size()));
      EARSHOT_RETURN_IF_ERROR(probe->Encode(clips_[i]));
      EARSHOT_ASSIGN_OR_RETURN(const Matrix<const float> output, probe->EncoderOutput());
      Reference& reference = references_.emplace_back();
      for (int64_t row = 0; row < output.rows; ++row)
        reference.output.insert(reference.output.end(), output.Row(row), output.Row(row) + output.cols);
      EARSHOT_ASSIGN_OR_RETURN(reference.tokens, probe->Greedy(kMaxTokens));
    }
    return Status::Ok();
  }

  PatternChoice FullChoice() const {
    PatternChoice choice = {.num_clips = clips_.size()};
    for (const EncoderLayer& layer : errors_->layers()) {
      const size_t num_heads = static_cast<size_t>(layer.num_heads);
      choice.patterns.emplace_back(num_heads, patterns::FullHead());
      choice.heads.emplace_back(num_heads, ChosenHead{.pattern = patterns::FullHead()});
    }
    for (const Reference& reference : references_) choice.num_tokens += std::ssize(reference.tokens);
    return choice;
  }

  PatternChoice Choose(double price) const {
    PatternChoice choice = FullChoice();
    double share = 0.0, num_heads = 0.0;
    for (size_t layer = 0; layer < choice.heads.size(); ++layer) {
      for (size_t head = 0; head < choice.heads[layer].size(); ++head) {
        ChosenHead& chosen = choice.heads[layer][head];
        double least = 1.0;  // the cost of full attention
        for (size_t i = 0; i < candidates_.size(); ++i) {
          const double error = errors_->Relative(layer, head, i);
          const double cost = shares_[i] + price * error;
          if (cost >= least) continue;
          least = cost;
          chosen = {candidates_[i], shares_[i], std::sqrt(error)};
        }
        choice.patterns[layer][head] = chosen.pattern;
        share += chosen.keys_share;
        num_heads += 1.0;
      }
    }
    choice.keys_share = share / num_heads;
    return choice;
  }

  Result<Deviation> Verify(const PatternChoice& choice) {
    patterns::SetEncoderPatterns(graph_, choice.patterns);
    EARSHOT_ASSIGN_OR_RETURN(const auto probe, WhisperProbe::Create(graph_, {.pool = options_.pool}));
    double difference = 0.0, energy = 0.0;
    int64_t agreeing = 0;
    for (size_t i = 0; i < clips_.size(); ++i) {
      char share[32];
      std::snprintf(share, sizeof(share), "%.1f", 100.0 * choice.keys_share);
      Progress(std::string("trying ") + share + " % of the keys on clip " + std::to_string(i + 1) + " of " +
               std::to_string(clips_.size()));
      EARSHOT_RETURN_IF_ERROR(probe->Encode(clips_[i]));
      EARSHOT_ASSIGN_OR_RETURN(const Matrix<const float> output, probe->EncoderOutput());
      const float* full = references_[i].output.data();
      for (int64_t row = 0; row < output.rows; ++row) {
        for (int64_t col = 0; col < output.cols; ++col, ++full) {
          const double wanted = static_cast<double>(*full);
          const double error = static_cast<double>(output.Row(row)[col]) - wanted;
          difference += error * error;
          energy += wanted * wanted;
        }
      }
      EARSHOT_ASSIGN_OR_RETURN(const int64_t count, probe->CountAgreeing(references_[i].tokens));
      agreeing += count;
    }
    return Deviation{
        energy > 0.0 ? std::sqrt(difference / energy) : 0.0,
        choice.num_tokens > 0 ? static_cast<double>(agreeing) / static_cast<double>(choice.num_tokens) : 1.0};
  }

  ir::Graph& graph_;
  const std::vector<Clip>& clips_;
  const ChoiceOptions& options_;
  std::vector<ir::HeadPattern> candidates_;
  std::vector<double> shares_;  // by candidate
  std::unique_ptr<HeadErrors> errors_;
  std::vector<Reference> references_;
};

}  // namespace

std::vector<ir::HeadPattern> DefaultCandidates() {
  std::vector<ir::HeadPattern> candidates;
  for (const int64_t width : {8, 16, 32, 64, 128}) {
    const ir::KeySelection local = {.kind = ir::SelectionKind::kLocal, .left = width, .right = width};
    candidates.push_back({.selections = {local}});
    for (const int64_t length : {2, 4, 8, 16})
      candidates.push_back({.selections = {local, {.kind = ir::SelectionKind::kPooled, .step = length}}});
  }
  return candidates;
}

Result<PatternChoice> ChoosePatterns(ir::Graph& graph, const std::vector<Clip>& clips,
                                     const ChoiceOptions& options) {
  return Chooser(graph, clips, options).Run();
}

std::string FormatChoice(const PatternChoice& choice) {
  std::string text = "layer  head  keys %  error   keys of the encoder's attention\n";
  char line[160];
  for (size_t layer = 0; layer < choice.heads.size(); ++layer) {
    for (size_t head = 0; head < choice.heads[layer].size(); ++head) {
      const ChosenHead& chosen = choice.heads[layer][head];
      std::snprintf(line, sizeof(line), "%5zu  %4zu  %6.1f  %.4f  ", layer, head, 100.0 * chosen.keys_share,
                    chosen.error);
      text += line + patterns::HeadPatternText(chosen.pattern) + "\n";
    }
  }
  std::snprintf(
      line, sizeof(line),
      "%.1f %% of the keys; encoder output off by %.4f, %.2f %% of %lld tokens as before (%zu clips)\n",
      100.0 * choice.keys_share, choice.output_error, 100.0 * choice.agreement,
      static_cast<long long>(choice.num_tokens), choice.num_clips);
  text += line;
  if (patterns::PatternListText(choice.patterns) == "full")
    text += "no pattern keeps the bounds: attention stays full\n";
  return text;
}

}  // namespace earshot::calibrate
