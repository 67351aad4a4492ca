// The drivers that families share.
#ifndef EARSHOT_MODELS_LOOPS_DRIVERS_H_
#define EARSHOT_MODELS_LOOPS_DRIVERS_H_

#include "models/loops/loop.h"

namespace earshot::loops {

// "stepwise": methods [prologue..., step]. Runs the prologue over all of its inputs, then the step over
// `prefill` rows (setting; 1) of its inputs and `rows` rows (setting; 1) at a time after them, carrying
// caches and states; puts out the rows of all runs one after the other. What the step takes that has no
// length of its own is fed whole.
Status RunStepwise(const LoopContext& context);

// "prefixes": as stepwise, but runs the step anew over the first 1, 2, … rows from position 0: the full pass
// of a method that puts out its last row alone.
Status RunPrefixes(const LoopContext& context);

// "greedy": methods [prologue..., decode]. Settings start, max_tokens, eos (-1: does not end early),
// suppressed (a token that is never chosen; -1). Outputs:
// tokens [n] without the start token, margins [n]: by how much each was ahead of the second best logit.
Status RunGreedy(const LoopContext& context);

// "beam": methods [prologue..., decode]. Settings start, eos, pad, max_tokens, num_beams, num_returned,
// length_penalty, early_stopping, suppressed (-1). Outputs: tokens [num_returned, longest] with the start
// token, filled up with pad, best first; scores.
Status RunBeam(const LoopContext& context);

// "ctc_greedy": methods [recognize], which puts out "argmax" [T, 1]. Takes its inputs; setting blank. Output:
// tokens [n], the labels that follow each other, without blanks.
Status RunCtcGreedy(const LoopContext& context);

// "ctc_nll": methods [recognize], which puts out "logits" [T, V]. Takes its inputs and labels [n]; settings
// blank, frames (how many of the logits count; all). Output: nll [1], the negative logarithm of the
// probability of the labels.
Status RunCtcNll(const LoopContext& context);

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_DRIVERS_H_
