// Visiting all nodes, one at a time.
#ifndef EARSHOT_MODELS_POINTER_TOUR_H_
#define EARSHOT_MODELS_POINTER_TOUR_H_

#include "models/loops/loop.h"
#include "runtime/core/status.h"

namespace earshot::pointer {

// Driver "tour": methods [encode, step]. Goes to the likeliest node that it has not visited, or where the
// input `forced` [N] says. The step takes `ids` [k, 1], the rows that stand for the nodes chosen so far:
// before the first choice 0 .. k - 1, then node + k, of the last one and, where k is 2, of the first one
// before it. Outputs: those of encode, actions [N], step_logp [N], full_logp [N, N].
Status RunTour(const loops::LoopContext& context);

}  // namespace earshot::pointer

#endif  // EARSHOT_MODELS_POINTER_TOUR_H_
