// Dequantization row by row.
#include "platform/cli/model_tensors.h"

#include <cstring>
#include <vector>

#include "runtime/core/typed_bytes.h"
#include "runtime/kernels/kernels.h"

namespace earshot::cli {
namespace {

void ReadRow(const fb::Tensor& tensor, std::span<const std::byte> data, std::span<const std::byte> scales,
             size_t row, std::span<float> out) {
  const DType dtype = static_cast<DType>(tensor.dtype());
  const std::byte* begin = data.data() + DTypeBytes(dtype, row * out.size());
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out.data(), begin, out.size_bytes());
      break;
    case DType::kF16: {
      const int64_t cols = std::ssize(out);
      kernels::ConvertToF32({ElementsAt<Float16>(begin), 1, cols, cols}, {out.data(), 1, cols, cols});
      break;
    }
    case DType::kI8:
      kernels::DequantizeI8(ElementsAt<int8_t>(begin), ElementsAt<float>(scales.data())[row], out);
      break;
    case DType::kI4:
      kernels::DequantizeI4(
          ElementsAt<uint8_t>(begin),
          ElementsAt<uint16_t>(scales.data()) + row * (out.size() / static_cast<size_t>(kI4BlockElems)), out);
      break;
    case DType::kI32:
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(ElementsAt<int32_t>(begin)[i]);
  }
}

}  // namespace

Tensors ModelTensors(const Program& program) {
  Tensors tensors;
  for (const fb::Tensor* tensor : *program.model().tensors()) {
    const size_t rows = static_cast<size_t>(tensor->rows()), cols = static_cast<size_t>(tensor->cols());
    std::vector<float> values(rows * cols);
    for (size_t row = 0; row < rows; ++row) {
      ReadRow(*tensor, program.TensorData(*tensor), program.TensorScales(*tensor), row,
              std::span(values).subspan(row * cols, cols));
    }
    TensorContent& content = tensors[tensor->name()->str()];
    content.shape = {static_cast<int64_t>(rows), static_cast<int64_t>(cols)};
    content.data.resize(values.size() * sizeof(float));
    std::memcpy(content.data.data(), values.data(), content.data.size());
  }
  return tensors;
}

}  // namespace earshot::cli
