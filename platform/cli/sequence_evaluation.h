// The numbers of `earshot evaluate --pairs`.
#ifndef EARSHOT_PLATFORM_CLI_SEQUENCE_EVALUATION_H_
#define EARSHOT_PLATFORM_CLI_SEQUENCE_EVALUATION_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/common/text/error_rate.h"
#include "platform/cli/sequence_model.h"
#include "platform/cli/token_pairs.h"
#include "runtime/core/status.h"

namespace earshot::cli {

struct SequenceEvaluation {
  std::string kind;  // SequenceModel::kind
  int64_t num_pairs = 0;
  TargetScore given;    // with the right tokens before each one, of all pairs together
  ErrorCounts written;  // tokens of what the model writes by itself
  int64_t num_wrong_sequences = 0;
  double bleu = 0.0;               // 0 to 100, of tokens (Papineni et al. 2002)
  double decode_s = 0.0;           // of writing alone
  int64_t num_written = 0;         // tokens
  std::vector<std::string> texts;  // of each pair, tokens separated by spaces

  double CrossEntropy() const;  // nats per token
  double PerplexityOfToken() const;
  double GivenErrorRate() const;  // share of tokens; only where given.num_wrong >= 0
  double SequenceErrorRate() const;
};

// Progress goes to the console. Errors: those of the model, with the number of the pair.
Result<SequenceEvaluation> EvaluateSequences(SequenceModel& model, std::span<const TokenPair> pairs);

// The gap between the error rates of writing with and without the right tokens is what exposure bias (Ranzato
// et al. 2016) costs.
std::string SequenceText(const SequenceEvaluation& evaluation);
std::string SequenceJson(const SequenceEvaluation& evaluation);

// source, target and text of each pair.
std::string SequenceTsv(std::span<const TokenPair> pairs, const SequenceEvaluation& evaluation);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_SEQUENCE_EVALUATION_H_
