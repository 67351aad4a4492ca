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

// Where weight `k` of an output of a panel is, counted in weights from the panel's first.
int64_t PlaceOf(const DenseInt8Layout& layout, int64_t k, int64_t column) {
  return (k / layout.step * layout.panel + column) * layout.step + k % layout.step;
}

// Of a step of one output: the low nibbles, then the high ones.
static_assert(kX86Int4Layout.step == 8);

// count: of weights, at most 8. The nibble of w + 8 is that of w with its sign turned.
void PackNibbles(const int8_t* weights, size_t count, std::byte* to) {
  uint64_t bytes = 0x0808080808080808;  // what becomes 0
  std::memcpy(&bytes, weights, count);
  const uint64_t stored = (bytes ^ 0x0808080808080808) & 0x0F0F0F0F0F0F0F0F;
  const auto packed = static_cast<uint32_t>(stored | stored >> 28);
  std::memcpy(to, &packed, sizeof(packed));
}

void PackWeights(const DenseInt8Layout& layout, const DenseInt8Weights& layer, const Outputs& outputs,
                 std::byte* to) {
  const int64_t k = layer.weights.cols, step_bytes = layout.step * layout.weight_bits / 8;
  for (int64_t begin = 0; begin < k; begin += layout.step) {
    const auto inputs = static_cast<size_t>(std::min(layout.step, k - begin));
    for (int64_t n = 0; n < outputs.count; ++n) {
      const int8_t* weights = layer.weights.Row(outputs.first + n) + begin;
      if (layout.weight_bits == 4) {
        PackNibbles(weights, inputs, to + n * step_bytes);
      } else {
        std::memcpy(to + n * step_bytes, weights, inputs);
      }
    }
    to += layout.panel * step_bytes;
  }
}

void PackPanel(const DenseInt8Layout& layout, const DenseInt8Weights& layer, int64_t first, std::byte* to) {
  const int64_t count = std::min(layout.panel, layer.weights.rows - first);
  const int32_t stored_above = layout.weight_bits == 4 ? 8 : 0;
  const auto put_all = [&](auto value_of) {
    for (int64_t n = 0; n < count; ++n) Put(to, value_of(n));
    to += (layout.panel - count) * 4;
  };
  put_all([&](int64_t n) {
    const int8_t* row = layer.weights.Row(first + n);
    int32_t sum = 0;
    for (int64_t i = 0; i < layer.weights.cols; ++i) sum += row[i] + stored_above;
    return sum;
  });
  put_all([&](int64_t n) { return layer.scales[first + n]; });
  put_all([&](int64_t n) { return layer.bias == nullptr ? 0.0f : layer.bias[first + n]; });
  PackWeights(layout, layer, {first, count}, to);
}

int32_t WeightAt(const DenseInt8Layout& layout, const DenseInt8Panel& panel, int64_t k, int64_t column) {
  if (layout.weight_bits == 8) return panel.weights[PlaceOf(layout, k, column)];
  const int64_t half = layout.step / 2, input = k % layout.step;
  const int64_t place = PlaceOf(layout, k - input, column) / 2 + input % half;
  const auto byte = static_cast<uint8_t>(panel.weights[place]);
  return (input < half ? byte & 15 : byte >> 4) - 8;
}

}  // namespace

size_t DenseInt8PanelBytes(const DenseInt8Layout& layout, int64_t in_channels) {
  return static_cast<size_t>(layout.panel * (kHeadBytes + DenseInt8Steps(layout, in_channels) * layout.step *
                                                              layout.weight_bits / 8));
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
  const int64_t outputs = job.layout.panel;
  const size_t panel_bytes = DenseInt8PanelBytes(job.layout, job.in.cols);
  for (int64_t m = 0; m < job.out.rows; ++m) {
    const RowQuantization& row = job.quantization[m];
    for (int64_t n = 0; n < job.out.cols; ++n) {
      const DenseInt8Panel panel(job.panels + static_cast<size_t>(n / outputs) * panel_bytes, outputs);
      const int64_t column = n % outputs;
      int32_t sum = 0;
      for (int64_t k = 0; k < job.in.cols; ++k) {
        sum += (job.in.Row(m)[k] - row.zero_point) * WeightAt(job.layout, panel, k, column);
      }
      job.out.Row(m)[n] = static_cast<float>(sum) * row.scale * panel.scales[column] + panel.bias[column];
    }
  }
}

}  // namespace earshot::kernels
