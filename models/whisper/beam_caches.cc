// Copies of rows: little beside the weights that every step reads.
#include "models/whisper/beam_caches.h"

#include <algorithm>
#include <cstring>

namespace earshot::whisper {
namespace {

// Rows of all beams are exchanged in pieces of this size, by way of the stack.
constexpr size_t kPieceBytes = 512;

// rows: of `beams` beams, one after the other.
void ReorderRows(std::span<const int32_t> parents, size_t beams, size_t row_bytes, std::byte* rows) {
  std::byte old[kMaxBeams][kPieceBytes];
  for (size_t begin = 0; begin < row_bytes; begin += kPieceBytes) {
    const size_t bytes = std::min(kPieceBytes, row_bytes - begin);
    for (size_t beam = 0; beam < beams; ++beam)
      std::memcpy(old[beam], rows + beam * row_bytes + begin, bytes);
    for (size_t beam = 0; beam < parents.size(); ++beam) {
      const auto parent = static_cast<size_t>(parents[beam]);
      if (parent != beam) std::memcpy(rows + beam * row_bytes + begin, old[parent], bytes);
    }
  }
}

}  // namespace

Status BeamCaches::AddLayer(const MatrixView& one, const MatrixView& beams) {
  if (num_layers_ == layers_.size())
    return Status::Error(StatusCode::kUnsupported, "more than %zu layers of beams", layers_.size());
  const int64_t count = one.rows > 0 ? beams.rows / one.rows : 0;
  const bool fits = one.dtype == beams.dtype && one.cols == beams.cols && one.stride == one.cols &&
                    beams.stride == beams.cols && beams.rows == one.rows * count && count >= 1 &&
                    count <= kMaxBeams && (max_beams_ == 0 || count == max_beams_);
  if (!fits) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the caches of beams do not fit those of one sequence: convert the model again");
  }
  max_beams_ = count;
  const auto row_bytes = static_cast<size_t>(DTypeBytes(one.dtype, static_cast<uint64_t>(one.cols)));
  layers_[num_layers_++] = {one.data, beams.data, row_bytes};
  return Status::Ok();
}

void BeamCaches::Spread(int64_t beams, int64_t tokens) const {
  for (const Layer& layer : layers()) {
    for (size_t position = 0; position < static_cast<size_t>(tokens); ++position) {
      const std::byte* from = layer.one + position * layer.row_bytes;
      std::byte* to = layer.beams + position * static_cast<size_t>(max_beams_) * layer.row_bytes;
      for (int64_t beam = 0; beam < beams; ++beam, to += layer.row_bytes)
        std::memcpy(to, from, layer.row_bytes);
    }
  }
}

void BeamCaches::Reorder(std::span<const int32_t> parents, int64_t begin, int64_t end) const {
  int32_t own = 0;
  if (std::ranges::all_of(parents, [&own](int32_t parent) { return parent == own++; })) return;
  for (const Layer& layer : layers()) {
    for (int64_t position = begin; position < end; ++position) {
      const auto row = static_cast<size_t>(position * max_beams_);
      ReorderRows(parents, static_cast<size_t>(max_beams_), layer.row_bytes,
                  layer.beams + row * layer.row_bytes);
    }
  }
}

}  // namespace earshot::whisper
