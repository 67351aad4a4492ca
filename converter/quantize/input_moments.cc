// Rows are collected, then added to the sums by blocks that stay in a cache.
#include "converter/quantize/input_moments.h"

#include <algorithm>

namespace earshot::quantize {
namespace {

constexpr int64_t kPendingRows = 64;
constexpr int64_t kBlockRows = 16;  // of the sums: 96 KB where there are 1536 columns

}  // namespace

InputMoments::InputMoments(int64_t cols) : cols_(cols), products_(static_cast<size_t>(cols * cols)) {
  pending_.reserve(static_cast<size_t>(kPendingRows * cols));
}

void InputMoments::Add(std::span<const float> row, const ThreadPool& pool) {
  pending_.insert(pending_.end(), row.begin(), row.end());
  ++count_;
  if (std::ssize(pending_) == kPendingRows * cols_) Flush(pool);
}

const std::vector<float>& InputMoments::Products(const ThreadPool& pool) {
  Flush(pool);
  return products_;
}

void InputMoments::Flush(const ThreadPool& pool) {
  const int64_t num_rows = std::ssize(pending_) / cols_;
  const int64_t num_blocks = (cols_ + kBlockRows - 1) / kBlockRows;
  pool.ParallelFor(static_cast<size_t>(num_blocks), [&](size_t block, size_t) {
    const int64_t begin = static_cast<int64_t>(block) * kBlockRows, end = std::min(cols_, begin + kBlockRows);
    for (int64_t r = 0; r < num_rows; ++r) {
      const float* x = pending_.data() + r * cols_;
      for (int64_t i = begin; i < end; ++i) {
        float* to = products_.data() + i * cols_;
        for (int64_t j = i; j < cols_; ++j) to[j] += x[i] * x[j];
      }
    }
  });
  pending_.clear();
}

}  // namespace earshot::quantize
