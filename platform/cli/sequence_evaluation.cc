// EvaluateSequences and its reports.
#include "platform/cli/sequence_evaluation.h"

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "models/common/text/bleu.h"
#include "platform/cli/console.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Joined(std::span<const std::string> tokens) {
  std::string text;
  for (const std::string& token : tokens) text += (text.empty() ? "" : " ") + token;
  return text;
}

double Share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

void Add(const TargetScore& score, TargetScore& sum) {
  sum.negative_log_likelihood += score.negative_log_likelihood;
  sum.num_tokens += score.num_tokens;
  sum.num_wrong = score.num_wrong < 0 ? -1 : sum.num_wrong + score.num_wrong;
}

Status EvaluatePair(SequenceModel& model, const TokenPair& pair, SequenceEvaluation& evaluation) {
  using SteadyClock = std::chrono::steady_clock;
  EARSHOT_ASSIGN_OR_RETURN(const TargetScore score, model.Score(pair));
  Add(score, evaluation.given);
  const auto begin = SteadyClock::now();
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<std::string> made, model.Decode(pair.source));
  evaluation.decode_s += std::chrono::duration<double>(SteadyClock::now() - begin).count();
  const ErrorCounts counts = CountWordErrors(Joined(pair.target), Joined(made));
  evaluation.written += counts;
  evaluation.num_wrong_sequences += counts.Errors() > 0 ? 1 : 0;
  evaluation.num_written += std::ssize(made);
  evaluation.texts.push_back(Joined(made));
  return Status::Ok();
}

Result<double> Bleu(std::span<const TokenPair> pairs, const SequenceEvaluation& evaluation) {
  std::vector<std::vector<std::string>> references(1);
  for (const TokenPair& pair : pairs) references.front().push_back(Joined(pair.target));
  EARSHOT_ASSIGN_OR_RETURN(const BleuScore bleu, CorpusBleu({evaluation.texts, references},
                                                            {.tokenizer = TranslationTokenizer::kNone}));
  return bleu.score;
}

std::string Percent(double share) { return Fixed(100.0 * share, 2) + " %"; }

}  // namespace

double SequenceEvaluation::CrossEntropy() const {
  return given.num_tokens > 0 ? given.negative_log_likelihood / static_cast<double>(given.num_tokens) : 0.0;
}

double SequenceEvaluation::PerplexityOfToken() const { return std::exp(CrossEntropy()); }

double SequenceEvaluation::GivenErrorRate() const { return Share(given.num_wrong, given.num_tokens); }

double SequenceEvaluation::SequenceErrorRate() const { return Share(num_wrong_sequences, num_pairs); }

Result<SequenceEvaluation> EvaluateSequences(SequenceModel& model, std::span<const TokenPair> pairs) {
  SequenceEvaluation evaluation = {
      .kind = model.kind(), .num_pairs = std::ssize(pairs), .given = {.num_wrong = 0}};
  Console& console = GetConsole();
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (console.ShowsProgress() && i % 16 == 0)
      console.SetProgress("evaluate", std::to_string(i) + " of " + std::to_string(pairs.size()) + " pairs");
    if (const Status status = EvaluatePair(model, pairs[i], evaluation); !status.ok()) {
      console.ClearProgress();
      return status.WithContext("row %zu", i + 1);
    }
  }
  console.ClearProgress();
  EARSHOT_ASSIGN_OR_RETURN(evaluation.bleu, Bleu(pairs, evaluation));
  return evaluation;
}

std::string SequenceText(const SequenceEvaluation& evaluation) {
  const ErrorCounts& written = evaluation.written;
  std::string text = std::to_string(evaluation.num_pairs) + " pairs, " + evaluation.kind + "\n";
  text += "with the right tokens given\n  cross-entropy " + Fixed(evaluation.CrossEntropy(), 4) +
          " nats per token (perplexity " + Fixed(evaluation.PerplexityOfToken(), 3) + ")\n";
  if (evaluation.given.num_wrong >= 0)
    text += "  token error rate " + Percent(evaluation.GivenErrorRate()) + "\n";
  text += "as the model writes by itself\n  token error rate " + Percent(written.Rate()) + " (" +
          std::to_string(written.substitutions) + " substitutions, " + std::to_string(written.insertions) +
          " insertions, " + std::to_string(written.deletions) + " deletions)\n  sequence error rate " +
          Percent(evaluation.SequenceErrorRate()) + "\n  BLEU " + Fixed(evaluation.bleu, 2) + "\n";
  if (evaluation.given.num_wrong >= 0)
    text += "exposure gap " + Percent(written.Rate() - evaluation.GivenErrorRate()) + "\n";
  return text + "  " + Fixed(static_cast<double>(evaluation.num_pairs) / evaluation.decode_s, 0) +
         " sequences, " + Fixed(static_cast<double>(evaluation.num_written) / evaluation.decode_s, 0) +
         " tokens per second\n";
}

std::string SequenceJson(const SequenceEvaluation& evaluation) {
  const ErrorCounts& written = evaluation.written;
  Json json = {{"kind", evaluation.kind},
               {"pairs", evaluation.num_pairs},
               {"cross_entropy", evaluation.CrossEntropy()},
               {"token_error_rate", written.Rate()},
               {"tokens", written.ReferenceTokens()},
               {"errors", written.Errors()},
               {"sequence_error_rate", evaluation.SequenceErrorRate()},
               {"wrong_sequences", evaluation.num_wrong_sequences},
               {"bleu", evaluation.bleu}};
  if (evaluation.given.num_wrong >= 0) {
    json["given_token_error_rate"] = evaluation.GivenErrorRate();
    json["exposure_gap"] = written.Rate() - evaluation.GivenErrorRate();
  }
  json["decode_s"] = evaluation.decode_s;
  json["sequences_per_s"] = static_cast<double>(evaluation.num_pairs) / evaluation.decode_s;
  json["tokens_per_s"] = static_cast<double>(evaluation.num_written) / evaluation.decode_s;
  return json.dump(2) + "\n";
}

std::string SequenceTsv(std::span<const TokenPair> pairs, const SequenceEvaluation& evaluation) {
  std::string table = "source\ttarget\ttext\n";
  for (size_t i = 0; i < pairs.size(); ++i)
    table += Joined(pairs[i].source) + "\t" + Joined(pairs[i].target) + "\t" + evaluation.texts[i] + "\n";
  return table;
}

}  // namespace earshot::cli
