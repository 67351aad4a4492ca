// Packing of dense layers for our own kernels, and the scalar twin of these.
#include "runtime/kernels/dense_int8.h"

#include <algorithm>
#include <cstring>

#include "runtime/kernels/dense_int8_panel.h"
#include "runtime/kernels/reference.h"

namespace earshot::kernels {
namespace {

constexpr int64_t kHeadBytes = 12;  // of an output: sum, scale, bias

template <class T>
void Put(std::byte*& to, T value) {
  std::memcpy(to, &value, sizeof(T));
  to += sizeof(T);
}

void PackWeights(const DenseInt8Weights& layer, int64_t first, int64_t count, std::byte* to) {
  const int64_t k = layer.weights.cols;
  for (int64_t begin = 0; begin < k; begin += kDenseInt8Step) {
    const auto inputs = static_cast<size_t>(std::min(kDenseInt8Step, k - begin));
    for (int64_t n = 0; n < count; ++n)
      std::memcpy(to + n * kDenseInt8Step, layer.weights.Row(first + n) + begin, inputs);
    to += kDenseInt8Panel * kDenseInt8Step;
  }
}

void PackPanel(const DenseInt8Weights& layer, int64_t first, std::byte* to) {
  const int64_t count = std::min(kDenseInt8Panel, layer.weights.rows - first);
  const auto put_all = [&to, count](auto value_of) {
    for (int64_t n = 0; n < count; ++n) Put(to, value_of(n));
    to += (kDenseInt8Panel - count) * 4;
  };
  put_all([&](int64_t n) {
    const int8_t* row = layer.weights.Row(first + n);
    int32_t sum = 0;
    for (int64_t i = 0; i < layer.weights.cols; ++i) sum += row[i];
    return sum;
  });
  put_all([&](int64_t n) { return layer.scales[first + n]; });
  put_all([&](int64_t n) { return layer.bias == nullptr ? 0.0f : layer.bias[first + n]; });
  PackWeights(layer, first, count, to);
}

}  // namespace

size_t DenseInt8PanelBytes(int64_t in_channels) {
  return static_cast<size_t>(kDenseInt8Panel * (kHeadBytes + DenseInt8Steps(in_channels) * kDenseInt8Step));
}

size_t PackedDenseInt8Bytes(int64_t out_channels, int64_t in_channels) {
  const int64_t panels = (out_channels + kDenseInt8Panel - 1) / kDenseInt8Panel;
  return static_cast<size_t>(panels) * DenseInt8PanelBytes(in_channels);
}

void PackDenseInt8(const DenseInt8Weights& layer, std::byte* packed) {
  const size_t panel_bytes = DenseInt8PanelBytes(layer.weights.cols);
  std::memset(packed, 0, PackedDenseInt8Bytes(layer.weights.rows, layer.weights.cols));
  for (int64_t first = 0; first < layer.weights.rows; first += kDenseInt8Panel, packed += panel_bytes)
    PackPanel(layer, first, packed);
}

void reference::MultiplyDenseInt8(const DenseInt8Job& job) {
  const size_t panel_bytes = DenseInt8PanelBytes(job.in.cols);
  for (int64_t m = 0; m < job.out.rows; ++m) {
    const RowQuantization& row = job.quantization[m];
    for (int64_t n = 0; n < job.out.cols; ++n) {
      const DenseInt8Panel panel(job.panels + static_cast<size_t>(n / kDenseInt8Panel) * panel_bytes);
      const int64_t column = n % kDenseInt8Panel;
      int32_t sum = 0;
      for (int64_t k = 0; k < job.in.cols; ++k) {
        const int64_t step = k / kDenseInt8Step * kDenseInt8Panel + column;
        sum +=
            (job.in.Row(m)[k] - row.zero_point) * panel.weights[step * kDenseInt8Step + k % kDenseInt8Step];
      }
      job.out.Row(m)[n] = static_cast<float>(sum) * row.scale * panel.scales[column] + panel.bias[column];
    }
  }
}

}  // namespace earshot::kernels
