// The parts of a panel of packed weights (dense_int8.h), for the kernels.
#ifndef EARSHOT_RUNTIME_KERNELS_DENSE_INT8_PANEL_H_
#define EARSHOT_RUNTIME_KERNELS_DENSE_INT8_PANEL_H_

#include <cstddef>
#include <cstdint>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/dense_int8.h"

namespace earshot::kernels {

struct DenseInt8Panel {
  DenseInt8Panel(const std::byte* panel, int64_t outputs)
      : sums(ElementsAt<int32_t>(panel)),
        scales(ElementsAt<float>(panel + outputs * 4)),
        bias(ElementsAt<float>(panel + outputs * 8)),
        weights(ElementsAt<int8_t>(panel + outputs * 12)) {}

  const int32_t* sums;
  const float* scales;
  const float* bias;
  const int8_t* weights;
};

constexpr int64_t DenseInt8Steps(const DenseInt8Layout& layout, int64_t in_channels) {
  return (in_channels + layout.multiple - 1) / layout.multiple * (layout.multiple / layout.step);
}

}  // namespace earshot::kernels

#endif  // EARSHOT_RUNTIME_KERNELS_DENSE_INT8_PANEL_H_
