// Named arrays that go into a run and come out of it, in memory that the caller gave: runs do not allocate.
#ifndef EARSHOT_MODELS_LOOPS_ARRAYS_H_
#define EARSHOT_MODELS_LOOPS_ARRAYS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/core/dtype.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/core/typed_bytes.h"
#include "runtime/memory/arena.h"

namespace earshot::loops {

// Row-major, f32 or i32, of rank 1 (cols = 1) or 2. Borrows name and data.
struct Array {
  std::string_view name;
  DType dtype = DType::kF32;
  int rank = 2;
  int64_t rows = 0;
  int64_t cols = 1;
  std::byte* data = nullptr;

  template <class T>
  std::span<T> As() const {
    return {ElementsAt<T>(data), static_cast<size_t>(rows * cols)};
  }
  template <class T>
  T* Row(int64_t row) const {
    return ElementsAt<T>(data) + row * cols;
  }
};

struct Setting {
  std::string_view name;
  double value = 0.0;
};

// The inputs and settings of a run, and room for what it makes. Borrows everything, names too.
class Run {
 public:
  Run(std::span<const Array> inputs, std::span<const Setting> settings, Arena& memory)
      : inputs_(inputs), settings_(settings), memory_(memory) {}

  const Array* FindInput(std::string_view name) const;
  // kNotFound names what is missing.
  Result<Array> Input(std::string_view name, DType dtype) const;

  // What was set last under that name.
  const Setting* FindSetting(std::string_view name) const;
  double SettingOr(std::string_view name, double absent) const;

  // A new, zeroed output, which may have more rows than it will keep; the pointer stays good. kOutOfMemory.
  struct Shape {
    DType dtype = DType::kF32;
    int rank = 2;
    int64_t rows = 0;
    int64_t cols = 1;
  };
  Result<Array*> AddOutput(std::string_view name, const Shape& shape);
  std::span<const Array> outputs() const { return {outputs_, num_outputs_}; }

  // Scratch memory for the rest of the run, zeroed.
  template <class T>
  Result<std::span<T>> Scratch(int64_t count) {
    EARSHOT_ASSIGN_OR_RETURN(void* memory, Allocate(static_cast<size_t>(count) * sizeof(T)));
    return std::span<T>(static_cast<T*>(memory), static_cast<size_t>(count));
  }

  // A name that lives as long as the run: prefix and number.
  Result<std::string_view> NumberedName(std::string_view prefix, int64_t number);

 private:
  static constexpr size_t kMaxOutputs = 256;
  Result<void*> Allocate(size_t bytes);

  std::span<const Array> inputs_;
  std::span<const Setting> settings_;
  Arena& memory_;
  Array outputs_[kMaxOutputs];
  size_t num_outputs_ = 0;
};

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_ARRAYS_H_
