// What the kernel tests share: a loop over all SIMD targets, memory that faults behind its end, reproducible
// numbers.
#ifndef EARSHOT_TESTS_KERNELS_KERNEL_TESTING_H_
#define EARSHOT_TESTS_KERNELS_KERNEL_TESTING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "runtime/core/float16.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/typed_bytes.h"

namespace earshot::testing {

// Runs body once for every SIMD target that is compiled in and that this CPU has, then restores the normal
// dispatch. Fails the test if a target was not exercised that the CPU has and we ship (SSE4, AVX2, AVX-512,
// NEON): a SIMD path that silently went missing would otherwise pass every test.
void ForEachSimdTarget(const std::function<void()>& body);

// Floats of the widest vector of any target: tests of tails go up to two of them and a bit.
constexpr int64_t kMaxLanes = 16;
constexpr int64_t kMaxTailCols = 2 * kMaxLanes + 3;

// Reproducible numbers in [-1, 1), the same on every platform.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint32_t Bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 32);
  }
  float Uniform() { return static_cast<float>(Bits() >> 8) * 0x1p-23f - 1.0f; }
  int64_t Below(int64_t limit) { return static_cast<int64_t>(Bits() % static_cast<uint32_t>(limit)); }
  template <class T>
  void Fill(std::span<T> values);

 private:
  uint64_t state_;
};
template <>
inline void Random::Fill<float>(std::span<float> values) {
  for (float& x : values) x = Uniform();
}
template <>
inline void Random::Fill<int8_t>(std::span<int8_t> values) {
  for (int8_t& x : values) x = static_cast<int8_t>(Below(255) - 127);
}
template <>
inline void Random::Fill<Float16>(std::span<Float16> values) {
  for (Float16& x : values) x = ToFloat16(Uniform());
}

// Pages that end at an inaccessible one.
class GuardedPages {
 public:
  explicit GuardedPages(size_t size_bytes);
  ~GuardedPages();
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  std::byte* end() const { return end_; }

 private:
  std::byte* begin_;
  std::byte* end_;
  size_t mapped_bytes_;
};

// A matrix whose last element touches the end of the accessible memory, so that a kernel which reads or
// writes beyond a row's end crashes. The gaps between the rows hold a pattern; GapsIntact() tells if a kernel
// wrote there. With `end_gap` elements after the last row the rows lie at another alignment.
template <class T>
class GuardedMatrix {
 public:
  GuardedMatrix(int64_t rows, int64_t cols, int64_t stride, int64_t end_gap = 0)
      : pages_(Elems(rows, cols, stride, end_gap) * sizeof(T)), elems_(Elems(rows, cols, stride, end_gap)) {
    T* first = ElementsAt<T>(pages_.end()) - elems_;
    std::memset(static_cast<void*>(first), kGapByte, elems_ * sizeof(T));
    view_ = {first, rows, cols, stride};
  }

  Matrix<T> view() const { return view_; }
  Matrix<const T> const_view() const { return {view_.data, view_.rows, view_.cols, view_.stride}; }
  std::span<T> row(int64_t i) const { return {view_.Row(i), static_cast<size_t>(view_.cols)}; }

  template <class Make>
  void FillWith(const Make& make) {
    for (int64_t i = 0; i < view_.rows; ++i) {
      for (T& x : row(i)) x = make();
    }
  }

  bool GapsIntact() const {
    for (size_t i = 0; i < elems_; ++i) {
      const int64_t position = static_cast<int64_t>(i);
      const bool inside = position / view_.stride < view_.rows && position % view_.stride < view_.cols;
      unsigned char bytes[sizeof(T)];
      std::memcpy(bytes, &view_.data[i], sizeof(T));
      for (const unsigned char byte : bytes) {
        if (!inside && byte != kGapByte) return false;
      }
    }
    return true;
  }

 private:
  static constexpr int kGapByte = 0xA5;
  static size_t Elems(int64_t rows, int64_t cols, int64_t stride, int64_t end_gap) {
    return static_cast<size_t>(rows == 0 ? end_gap : (rows - 1) * stride + cols + end_gap);
  }

  GuardedPages pages_;
  size_t elems_;
  Matrix<T> view_;
};

// Calls body(cols, rows, stride, end_gap) for the shapes every row-wise kernel is tested with: all tails of
// all vector widths, long rows, rows further apart than they are long, and data at every alignment.
void ForEachShape(
    const std::function<void(int64_t cols, int64_t rows, int64_t stride, int64_t end_gap)>& body);

}  // namespace earshot::testing

#endif  // EARSHOT_TESTS_KERNELS_KERNEL_TESTING_H_
