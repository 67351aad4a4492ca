// The parts of a panel of packed weights (dense_int8.h), for the kernels.
#ifndef EARSHOT_RUNTIME_KERNELS_DENSE_INT8_PANEL_H_
#define EARSHOT_RUNTIME_KERNELS_DENSE_INT8_PANEL_H_

#include <cstddef>
#include <cstdint>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/dense_int8.h"

namespace earshot::kernels {

struct DenseInt8Panel {
  explicit DenseInt8Panel(const std::byte* panel)
      : sums(ElementsAt<int32_t>(panel)),
        scales(ElementsAt<float>(panel + kDenseInt8Panel * 4)),
        bias(ElementsAt<float>(panel + kDenseInt8Panel * 8)),
        weights(ElementsAt<int8_t>(panel + kDenseInt8Panel * 12)) {}

  const int32_t* sums;
  const float* scales;
  const float* bias;
  const int8_t* weights;
};

constexpr int64_t DenseInt8Steps(int64_t in_channels) {
  return (in_channels + kDenseInt8Step - 1) / kDenseInt8Step;
}

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_DENSE_INT8_PANEL_H_
