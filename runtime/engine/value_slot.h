// Where a value of a method lies: fixed at start-up except for its run-time lengths.
#ifndef EARSHOT_RUNTIME_ENGINE_VALUE_SLOT_H_
#define EARSHOT_RUNTIME_ENGINE_VALUE_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/engine/program.h"
#include "runtime/schema/dim.h"

namespace earshot {

// First bytes of the blocks that planned offsets count from. All nullptr while measuring.
struct MemoryBlocks {
  std::byte* states = nullptr;
  // In the block of states: those that no method of the session uses take no room, whatever the file plans.
  std::span<const uint64_t> state_offsets = {};
  std::byte* activations = nullptr;
  std::byte* io = nullptr;
};

struct ValueSlot {
  std::byte* base = nullptr;  // first byte of the value, or of its base if it is a view
  DType dtype = DType::kF32;
  fb::Dim rows, cols;
  fb::Dim row_begin;  // in the base
  fb::Dim base_rows, base_cols;
  int64_t col_begin = 0;
  int64_t panel_cols = 0;  // of the state behind it; 0: rows are whole
};

// Precondition: the program is validated.
ValueSlot MakeValueSlot(const Program& program, const fb::Method& method, int32_t value,
                        const MemoryBlocks& blocks);

// The matrix for these symbol values. kInvalidArgument where a view would leave its base.
Result<MatrixView> EvaluateSlot(const ValueSlot& slot, std::span<const int64_t> symbols);

// The matrix at the largest size any run may have; a view begins at the first row and ends with its base.
MatrixView EvaluateSlotAtMaximum(const ValueSlot& slot, std::span<const int64_t> maxima);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ENGINE_VALUE_SLOT_H_
