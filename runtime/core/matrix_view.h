// Non-owning views of matrices. Everything the engine computes on is a matrix [rows, cols]: rows are time
// steps (or tokens), columns are channels, and the elements of a row are contiguous.
#ifndef EARSHOT_RUNTIME_CORE_MATRIX_VIEW_H_
#define EARSHOT_RUNTIME_CORE_MATRIX_VIEW_H_

#include <cstddef>
#include <cstdint>

#include "runtime/core/dtype.h"
#include "runtime/core/typed_bytes.h"

namespace earshot {

// Typed view, what kernels take. `stride` is the distance of two rows in elements, >= cols.
// Owns nothing; the memory must outlive the view.
template <class T>
struct Matrix {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  T* Row(int64_t row) const { return data + row * stride; }
  Matrix Rows(int64_t begin, int64_t count) const { return {Row(begin), count, cols, stride}; }
  Matrix Columns(int64_t begin, int64_t count) const { return {data + begin, rows, count, stride}; }
  operator Matrix<const T>() const { return {data, rows, cols, stride}; }
};

// Untyped view, what the engine hands to ops. kI4 never occurs here with a column offset.
struct MatrixView {
  std::byte* data = nullptr;
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // in elements
  // 0: rows are whole. Else the columns lie in panels of `stride` columns each, so many elements apart
  // (fb::State): As gives the first one's rows, which are shorter than `cols`.
  int64_t panel_stride = 0;

  // Precondition: T is the C++ type of `dtype`.
  template <class T>
  Matrix<T> As() const {
    return {ElementsAt<T>(data), rows, cols, stride};
  }
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_MATRIX_VIEW_H_
