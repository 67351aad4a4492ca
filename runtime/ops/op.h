// The life of an op: Measure (how much memory), Create (validate, choose a kernel, pack weights), then for
// every run Check and Eval. One file per op; op_registry.h lists them.
#ifndef EARSHOT_RUNTIME_OPS_OP_H_
#define EARSHOT_RUNTIME_OPS_OP_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/core/weights_file.h"
#include "runtime/memory/arena.h"
#include "runtime/schema/model_generated.h"
#include "runtime/xnnpack/fully_connected.h"

namespace earshot {

constexpr size_t kMaxOperands = 8;

// What an op reads and writes in one run, in the order the schema lists.
struct OpOperands {
  std::array<MatrixView, kMaxOperands> inputs;
  std::array<MatrixView, kMaxOperands> outputs;
  size_t num_inputs = 0;
  size_t num_outputs = 0;
};

// The weight behind an input, in place in the file; empty where the input is no constant.
struct ConstantOperand {
  std::span<const std::byte> data;
  std::span<const std::byte> scales;
};

// What an op knows at start-up. Operands have the shapes of all symbols at their maximum; the data pointers
// of constants are real, all others are not yet to be read.
struct OpSetup {
  const fb::Op* op = nullptr;
  OpOperands operands;
  std::array<ConstantOperand, kMaxOperands> constants;
  size_t num_threads = 1;
  PackedWeights* packed_weights = nullptr;  // of the session; never null; Measure only asks it

  WeightsFile weights_file;   // of the session
  bool ranks_nearly = false;  // SessionOptions::ranks_nearly
};

// Packed weights, persistent and at most: needed unless an earlier op has some with the same id.
struct PackedMemory {
  size_t bytes = 0;
  uint64_t id = 0;
};

struct OpMemory {
  size_t persistent_bytes = 0;  // at most
  size_t workspace_bytes = 0;   // exactly; of a run
  size_t setup_bytes = 0;       // of workspace, for `create`
  std::array<PackedMemory, 2> packed = {};
};

struct EvalContext {
  std::span<std::byte> workspace;
  ThreadPool pool;
};

// A prepared op, placed in the persistent arena.
class OpKernel {
 public:
  virtual ~OpKernel() = default;
  // Whether the shapes of this run agree with each other. A few comparisons; asked before every Eval, since a
  // model file may tie operands to symbols that only happen to agree at their maxima.
  virtual Status Check(const OpOperands& operands) const = 0;
  // Computes. Never allocates. Precondition: Check passed.
  virtual Status Eval(const OpOperands& operands, const EvalContext& context) = 0;
};

// A row of the registry.
struct OpDefinition {
  fb::OpAttributes type;
  const char* name;
  // Both check operand counts, types and the shapes at maximum size first. Errors: kInvalidModel,
  // kUnsupported, kOutOfMemory.
  Result<OpMemory> (*measure)(const OpSetup& setup);
  Result<OpKernel*> (*create)(const OpSetup& setup, Arena& persistent, std::span<std::byte> workspace);
};

// Helpers for the ops
// ------------------------------------------------------------------------------------------------

// Constructs a Kernel in the arena.
template <class Kernel, class... Arguments>
Result<OpKernel*> PlaceKernel(Arena& persistent, Arguments&&... arguments) {
  void* memory = persistent.Allocate(sizeof(Kernel));
  if (memory == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  return static_cast<OpKernel*>(new (memory) Kernel(std::forward<Arguments>(arguments)...));
}

// Measure and Create of an op whose kernel is all it keeps: Kernel::Make(setup) checks everything and returns
// the kernel, kernel.workspace_bytes() says what Eval needs.
template <class Kernel>
Result<OpMemory> MeasureKernel(const OpSetup& setup) {
  EARSHOT_ASSIGN_OR_RETURN(const Kernel kernel, Kernel::Make(setup));
  return OpMemory{AlignUp(sizeof(Kernel)), kernel.workspace_bytes()};
}

template <class Kernel>
Result<OpKernel*> CreateKernel(const OpSetup& setup, Arena& persistent, std::span<std::byte>) {
  EARSHOT_ASSIGN_OR_RETURN(const Kernel kernel, Kernel::Make(setup));
  return PlaceKernel<Kernel>(persistent, kernel);
}

// kInvalidModel unless the op has num_outputs outputs and from min_inputs to max_inputs inputs.
Status CheckOperandCount(const OpSetup& setup, size_t min_inputs, size_t max_inputs, size_t num_outputs = 1);

// kInvalidModel with both shapes unless `view` is [rows, cols].
Status CheckShape(const char* what, const MatrixView& view, int64_t rows, int64_t cols);

// kInvalidModel unless `view` has one of the two types.
Status CheckDType(const char* what, const MatrixView& view, DType allowed);
Status CheckDType(const char* what, const MatrixView& view, DType allowed, DType also_allowed);

// Of an op that holds one or two dense layers.
inline OpMemory MemoryWithDense(size_t kernel_bytes, size_t workspace_bytes,
                                const FullyConnectedMemory& first, const FullyConnectedMemory& second = {}) {
  return {.persistent_bytes = AlignUp(kernel_bytes) + first.own_bytes + second.own_bytes,
          .workspace_bytes = workspace_bytes,
          .setup_bytes = std::max(first.setup_bytes, second.setup_bytes),
          .packed = {{{first.packed_bytes, first.packed_id}, {second.packed_bytes, second.packed_id}}}};
}
// kInvalidModel unless every operand is f32.
Status CheckAllF32(const OpSetup& setup);

// kInvalidModel unless the columns of `view` make `groups` equal parts.
Status CheckGroups(const char* what, const MatrixView& view, int64_t groups);

// Calls body(begin, count) for blocks of rows, spread over the threads; for cheap ops that handle rows
// independently.
template <class Body>
void ForRowBlocks(const ThreadPool& pool, int64_t rows, int64_t block_rows, const Body& body) {
  const int64_t blocks = (rows + block_rows - 1) / block_rows;
  pool.ParallelFor(static_cast<size_t>(blocks), [&](size_t block, size_t) {
    const int64_t begin = static_cast<int64_t>(block) * block_rows;
    body(begin, begin + block_rows <= rows ? block_rows : rows - begin);
  });
}

// Rows that make about 32 KiB: large enough to hide the cost of a task, small enough to stay in the
// first-level cache.
inline int64_t CacheBlockRows(int64_t cols) {
  constexpr int64_t kBlockElems = 8192;
  return cols >= kBlockElems ? 1 : kBlockElems / (cols < 1 ? 1 : cols);
}

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_OPS_OP_H_
