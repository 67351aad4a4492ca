// Greedy decoding of connectionist temporal classification: the best label of each frame, repeated ones once,
// without blanks (Graves et al. 2006, section 3.2).
#ifndef EARSHOT_MODELS_LOOPS_CTC_COLLAPSE_H_
#define EARSHOT_MODELS_LOOPS_CTC_COLLAPSE_H_

#include <cstdint>

namespace earshot::loops {

// Takes the labels of frames in their order.
class CtcCollapse {
 public:
  explicit CtcCollapse(int32_t blank) : blank_(blank), last_(blank) {}

  // Whether the label of the next frame begins a token.
  bool BeginsToken(int32_t label) {
    const bool begins = label != blank_ && label != last_;
    last_ = label;
    return begins;
  }

 private:
  int32_t blank_;
  int32_t last_;
};

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_CTC_COLLAPSE_H_
