// Values and scales of a row.
#include "runtime/ops/weight_row.h"

namespace earshot {
namespace {

size_t ValuesBytes(const MatrixView& table) {
  return static_cast<size_t>(DTypeBytes(table.dtype, static_cast<uint64_t>(table.cols)));
}

size_t ScalesBytes(const MatrixView& table) {
  if (table.dtype == DType::kI8) return sizeof(float);
  return table.dtype == DType::kI4 ? static_cast<size_t>(table.cols / kI4BlockElems) * sizeof(uint16_t) : 0;
}

}  // namespace

size_t WeightRowBytes(const MatrixView& table) {
  return AlignUp(ValuesBytes(table)) + AlignUp(ScalesBytes(table));
}

Result<WeightRow> ReadWeightRow(const MatrixView& table, const ConstantOperand& weight,
                                const WeightsFile& file, int64_t row, std::byte* scratch) {
  const size_t bytes = ValuesBytes(table), scales_bytes = ScalesBytes(table);
  const auto values = weight.data.subspan(static_cast<size_t>(row) * bytes, bytes);
  const auto scales = weight.scales.subspan(static_cast<size_t>(row) * scales_bytes, scales_bytes);
  if (file.read == nullptr) return WeightRow{values.data(), scales.data()};
  std::byte* own_scales = scratch + AlignUp(bytes);
  EARSHOT_RETURN_IF_ERROR(file.read(file.context, values, scratch));
  if (!scales.empty()) EARSHOT_RETURN_IF_ERROR(file.read(file.context, scales, own_scales));
  return WeightRow{scratch, own_scales};
}

}  // namespace earshot
