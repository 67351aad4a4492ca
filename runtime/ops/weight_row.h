// One row of a weight, read where it lies or, if the owner of the file can, through the file
// (runtime/core/weights_file.h).
#ifndef EARSHOT_RUNTIME_OPS_WEIGHT_ROW_H_
#define EARSHOT_RUNTIME_OPS_WEIGHT_ROW_H_

#include "runtime/ops/op.h"

namespace earshot {

// In the layout of the table's type; `scales` only where it has some.
struct WeightRow {
  const std::byte* values = nullptr;
  const std::byte* scales = nullptr;
};

// Of scratch, for ReadWeightRow with this table.
size_t WeightRowBytes(const MatrixView& table);

// Row `row` of the weight behind `table`, [rows, cols], a whole one of the file. Valid as long as the file
// and the scratch. Never allocates. Errors: those of WeightsFile::read.
Result<WeightRow> ReadWeightRow(const MatrixView& table, const ConstantOperand& weight,
                                const WeightsFile& file, int64_t row, std::byte* scratch);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_WEIGHT_ROW_H_
