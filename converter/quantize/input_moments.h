// What the inputs of a weight matrix look like on real data: the sums that calibrated quantization needs.
#ifndef EARSHOT_CONVERTER_QUANTIZE_INPUT_MOMENTS_H_
#define EARSHOT_CONVERTER_QUANTIZE_INPUT_MOMENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/core/thread_pool.h"

namespace earshot::quantize {

// Sum of x x^T over rows x. Threads: one caller at a time.
class InputMoments {
 public:
  explicit InputMoments(int64_t cols);

  void Add(std::span<const float> row, const ThreadPool& pool);

  int64_t cols() const { return cols_; }
  int64_t count() const { return count_; }

  // [cols, cols], the upper triangle: element (i, j >= i). Rows that were added are all in it.
  const std::vector<float>& Products(const ThreadPool& pool);

 private:
  void Flush(const ThreadPool& pool);

  int64_t cols_;
  int64_t count_ = 0;
  std::vector<float> pending_;  // rows that are not in the sums yet: a pass over the sums serves many
  std::vector<float> products_;
};

// By the name of the weight.
using MomentsByTensor = std::map<std::string, InputMoments>;

}  // namespace earshot::quantize

#endif  // EARSHOT_CONVERTER_QUANTIZE_INPUT_MOMENTS_H_
