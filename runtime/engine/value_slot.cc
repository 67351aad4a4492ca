// From values of the file to matrices in memory. The only place where a planned offset becomes an address.
#include "runtime/engine/value_slot.h"

#include <algorithm>

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

std::byte* At(std::byte* block, uint64_t offset_bytes) {
  return block == nullptr ? nullptr : block + offset_bytes;
}

std::byte* BaseAddress(const Program& program, const fb::Value& value, const MemoryBlocks& blocks) {
  switch (value.kind()) {
    case fb::ValueKind::Activation:
      return At(blocks.activations, value.offset_bytes());
    case fb::ValueKind::Input:
    case fb::ValueKind::Output:
      return At(value.transient() ? blocks.activations : blocks.io, value.offset_bytes());
    case fb::ValueKind::State:
      return blocks.states == nullptr
                 ? nullptr
                 : blocks.states + blocks.state_offsets[static_cast<size_t>(value.state())];
    case fb::ValueKind::Constant: {
      const fb::Tensor& tensor = *program.model().tensors()->Get(static_cast<uoffset_t>(value.tensor()));
      // Constants are only ever read: the validator refuses ops that write to one.
      return const_cast<std::byte*>(program.TensorData(tensor).data());
    }
    case fb::ValueKind::View:
      break;  // a view has no memory of its own
  }
  return nullptr;
}

int64_t PanelCols(const Program& program, const fb::Value& value) {
  if (value.kind() != fb::ValueKind::State) return 0;
  return program.model().states()->Get(static_cast<uoffset_t>(value.state()))->panel_cols();
}

MatrixView MakeView(const ValueSlot& slot, int64_t row_begin, int64_t rows,
                    std::span<const int64_t> symbols) {
  const bool has_panels = slot.panel_cols != 0;
  MatrixView view = {.dtype = slot.dtype,
                     .rows = rows,
                     .cols = EvaluateDim(slot.cols, symbols),
                     .stride = has_panels ? slot.panel_cols : EvaluateDim(slot.base_cols, symbols),
                     .panel_stride = has_panels ? slot.panel_cols * EvaluateDim(slot.base_rows, symbols) : 0};
  if (slot.base == nullptr) return view;
  const int64_t columns = has_panels ? slot.col_begin / slot.panel_cols * view.panel_stride : slot.col_begin;
  view.data = slot.base + DTypeBytes(slot.dtype, static_cast<uint64_t>(row_begin * view.stride + columns));
  return view;
}

}  // namespace

ValueSlot MakeValueSlot(const Program& program, const fb::Method& method, int32_t index,
                        const MemoryBlocks& blocks) {
  const fb::Value& value = *method.values()->Get(static_cast<uoffset_t>(index));
  const bool is_view = value.kind() == fb::ValueKind::View;
  const fb::Value& base = is_view ? *method.values()->Get(static_cast<uoffset_t>(value.base())) : value;
  ValueSlot slot;
  slot.base = BaseAddress(program, base, blocks);
  slot.dtype = static_cast<DType>(value.dtype());
  slot.rows = *value.rows();
  slot.cols = *value.cols();
  slot.row_begin = is_view && value.row_begin() != nullptr ? *value.row_begin() : fb::Dim(-1, 0, 0, 1);
  slot.base_rows = *base.rows();
  slot.base_cols = *base.cols();
  slot.col_begin = is_view ? value.col_begin() : 0;
  slot.panel_cols = PanelCols(program, base);
  return slot;
}

Result<MatrixView> EvaluateSlot(const ValueSlot& slot, std::span<const int64_t> symbols) {
  const int64_t row_begin = EvaluateDim(slot.row_begin, symbols);
  const int64_t rows = EvaluateDim(slot.rows, symbols);
  if (const int64_t base_rows = EvaluateDim(slot.base_rows, symbols); row_begin + rows > base_rows) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "rows %lld to %lld are needed of a matrix that has %lld",
                         static_cast<long long>(row_begin), static_cast<long long>(row_begin + rows),
                         static_cast<long long>(base_rows));
  }
  return MakeView(slot, row_begin, rows, symbols);
}

MatrixView EvaluateSlotAtMaximum(const ValueSlot& slot, std::span<const int64_t> maxima) {
  const int64_t rows = std::min(EvaluateDim(slot.rows, maxima), EvaluateDim(slot.base_rows, maxima));
  return MakeView(slot, 0, rows, maxima);
}

}  // namespace earshot
