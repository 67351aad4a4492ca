// Copies of the caches of a decoding method, one for each hypothesis of a search.
#ifndef EARSHOT_MODELS_LOOPS_CACHE_SNAPSHOTS_H_
#define EARSHOT_MODELS_LOOPS_CACHE_SNAPSHOTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "models/loops/arrays.h"
#include "models/loops/method_run.h"
#include "runtime/core/status.h"

namespace earshot::loops {

// The caches are the states that the method writes from row `position` on. A step of a hypothesis: Load its
// rows, run, Store the new ones. Copying a row is little beside computing it: a step reads all weights.
class CacheSnapshots {
 public:
  // Room for `count` hypotheses of `max_rows` rows, out of the run's memory.
  static Result<CacheSnapshots> Create(const MethodRun& method, int64_t count, int64_t max_rows, Run& run);

  // Rows [0, rows) of the hypothesis into the caches.
  void Load(int64_t hypothesis, int64_t rows) const;
  // Row `row` of the caches into the hypothesis.
  void Store(int64_t hypothesis, int64_t row) const;
  // Rows [0, rows) of another hypothesis.
  void Copy(int64_t from, int64_t to, int64_t rows) const;

 private:
  static constexpr size_t kMaxCaches = 128;

  std::byte* RowOf(int64_t hypothesis, int64_t row) const {
    return snapshots_.data() + static_cast<size_t>(hypothesis * max_rows_ + row) * row_bytes_;
  }

  MatrixView caches_[kMaxCaches];
  size_t num_caches_ = 0;
  size_t row_bytes_ = 0;  // of all caches
  int64_t max_rows_ = 0;
  std::span<std::byte> snapshots_;
};

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_CACHE_SNAPSHOTS_H_
