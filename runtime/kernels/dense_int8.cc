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

struct Outputs {
  int64_t first;
  int64_t count;  // at most a panel
};

void PackWeights(const DenseInt8Layout& layout, const DenseInt8Weights& layer, const Outputs& outputs,
                 std::byte* to) {
  const int64_t k = layer.weights.cols;
  for (int64_t begin = 0; begin < k; begin += layout.step) {
    const auto inputs = static_cast<size_t>(std::min(layout.step, k - begin));
    for (int64_t n = 0; n < outputs.count; ++n)
      std::memcpy(to + n * layout.step, layer.weights.Row(outputs.first + n) + begin, inputs);
    to += layout.panel * layout.step;
  }
}

void PackPanel(const DenseInt8Layout& layout, const DenseInt8Weights& layer, int64_t first, std::byte* to) {
  const int64_t count = std::min(layout.panel, layer.weights.rows - first);
  const auto put_all = [&](auto value_of) {
    for (int64_t n = 0; n < count; ++n) Put(to, value_of(n));
    to += (layout.panel - count) * 4;
  };
  put_all([&](int64_t n) {
    const int8_t* row = layer.weights.Row(first + n);
    int32_t sum = 0;
    for (int64_t i = 0; i < layer.weights.cols; ++i) sum += row[i];
    return sum;
  });
  put_all([&](int64_t n) { return layer.scales[first + n]; });
  put_all([&](int64_t n) { return layer.bias == nullptr ? 0.0f : layer.bias[first + n]; });
  PackWeights(layout, layer, {first, count}, to);
}

}  // namespace

size_t DenseInt8PanelBytes(const DenseInt8Layout& layout, int64_t in_channels) {
  return static_cast<size_t>(layout.panel *
                             (kHeadBytes + DenseInt8Steps(layout, in_channels) * layout.step));
}

size_t PackedDenseInt8Bytes(const DenseInt8Layout& layout, int64_t out_channels, int64_t in_channels) {
  const int64_t panels = (out_channels + layout.panel - 1) / layout.panel;
  return static_cast<size_t>(panels) * DenseInt8PanelBytes(layout, in_channels);
}

void PackDenseInt8(const DenseInt8Layout& layout, const DenseInt8Weights& layer, std::byte* packed) {
  const size_t panel_bytes = DenseInt8PanelBytes(layout, layer.weights.cols);
  std::memset(packed, 0, PackedDenseInt8Bytes(layout, layer.weights.rows, layer.weights.cols));
  for (int64_t first = 0; first < layer.weights.rows; first += layout.panel, packed += panel_bytes)
    PackPanel(layout, layer, first, packed);
}

void reference::MultiplyDenseInt8(const DenseInt8Job& job) {
  const auto [outputs, step, multiple] = job.layout;
  const size_t panel_bytes = DenseInt8PanelBytes(job.layout, job.in.cols);
  for (int64_t m = 0; m < job.out.rows; ++m) {
    const RowQuantization& row = job.quantization[m];
    for (int64_t n = 0; n < job.out.cols; ++n) {
      const DenseInt8Panel panel(job.panels + static_cast<size_t>(n / outputs) * panel_bytes, outputs);
      const int64_t column = n % outputs;
      int32_t sum = 0;
      for (int64_t k = 0; k < job.in.cols; ++k) {
        const int64_t place = (k / step * outputs + column) * step + k % step;
        sum += (job.in.Row(m)[k] - row.zero_point) * panel.weights[place];
      }
      job.out.Row(m)[n] = static_cast<float>(sum) * row.scale * panel.scales[column] + panel.bias[column];
    }
  }
}

}  // namespace earshot::kernels
