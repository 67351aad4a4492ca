// Models from tokens to tokens, for evaluation: what they think of a given target, and what they write
// themselves.
#ifndef EARSHOT_PLATFORM_CLI_SEQUENCE_MODEL_H_
#define EARSHOT_PLATFORM_CLI_SEQUENCE_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "platform/cli/model_loader.h"
#include "platform/cli/token_pairs.h"
#include "runtime/core/status.h"

namespace earshot::cli {

// Of a target that is given: teacher forcing (Williams and Zipser 1989).
struct TargetScore {
  double negative_log_likelihood = 0.0;  // nats, of all tokens
  int64_t num_tokens = 0;  // that it is made of, with the end of the text where the model writes one
  // Tokens that are not the likeliest after the right ones before them; -1 of models that do not look at
  // them.
  int64_t num_wrong = -1;
};

// Threads: one at a time.
class SequenceModel {
 public:
  // By the loops in the file: teacher_forced and greedy (encoder and decoder, token by token), ctc_nll and
  // ctc_greedy (all tokens at once), or tour (a pointer network: sources are points "x,y", targets their
  // numbers from 0 on). Borrows the model. Errors: kUnsupported names what is missing, those of Session.
  static Result<std::unique_ptr<SequenceModel>> Create(const LoadedModel& model);
  virtual ~SequenceModel() = default;

  virtual const char* kind() const = 0;  // "autoregressive", "non-autoregressive", "pointer"
  // Errors: kInvalidArgument names a token that the model does not know, or a length that it cannot take.
  virtual Result<TargetScore> Score(const TokenPair& pair) = 0;
  // What the model writes without help, the likeliest token at each step.
  virtual Result<std::vector<std::string>> Decode(const std::vector<std::string>& source) = 0;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_SEQUENCE_MODEL_H_
