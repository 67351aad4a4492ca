// A window around the query and, beyond it, a few keys that stand for the rest.
#ifndef EARSHOT_RUNTIME_ATTENTION_PATTERNS_WINDOW_PATTERN_H_
#define EARSHOT_RUNTIME_ATTENTION_PATTERNS_WINDOW_PATTERN_H_

#include <cstdint>
#include <span>

#include "runtime/attention/attention_pattern.h"

namespace earshot {

// What stands for the keys that lie neither in the window nor among the global ones.
enum class KeysBeyond : uint8_t {
  kNone,
  kStrided,  // keys offset, offset + step, ...
  kPooled,   // means of `step` keys, each counting as `step` keys. The window and the global keys grow to
             // whole groups, so that every key is seen exactly once: by itself or in a mean. In Whisper's
             // encoder these lose a third of what strided keys lose (models/whisper/README.md); giving a
             // strided key the weight of its whole group gained nothing.
};

struct WindowSpec {
  int64_t left = 0;    // keys before the query's own that it sees
  int64_t right = -1;  // keys after it; -1: not even its own, which with left = 0 is no window
  int64_t global = 0;  // keys at the begin that every query sees
  KeysBeyond beyond = KeysBeyond::kNone;
  int64_t step = 1;     // > 0
  int64_t offset = 0;   // in [0, step)
  bool causal = false;  // no key later than the query's own
};

// Query i stands at key i + Tk - Tq (a KV cache holds the past in front). No key is seen twice. Papers: local
// attention, Luong et al. 2015, and Longformer, Beltagy et al. 2020; strided keys, Sparse Transformer, Child
// et al. 2019; means of keys, Liu et al. 2018 (memory-compressed attention).
class WindowPattern final : public AttentionPattern {
 public:
  explicit WindowPattern(const WindowSpec& spec);

  int64_t NumRanges(const QueryBlock& block) const override;
  KeyRange Range(const QueryBlock& block, int64_t index) const override;
  void RowLimits(const QueryBlock& block, int64_t index, std::span<KeyLimits> limits) const override;
  int64_t PoolLength(int64_t) const override { return spec_.beyond == KeysBeyond::kPooled ? spec_.step : 0; }

 private:
  // Keys that one query sees in the range of this index, or that one sees in its stead.
  KeyLimits Keys(const QueryBlock& block, int64_t query, int64_t index) const;
  int64_t GroupBegin(int64_t key, int64_t num_keys) const;
  int64_t GroupEnd(int64_t key, int64_t num_keys) const;
  int64_t PooledPosition(int64_t key, int64_t num_keys) const;

  WindowSpec spec_;
  float log2_count_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_PATTERNS_WINDOW_PATTERN_H_
