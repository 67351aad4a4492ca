// A session: a program made ready to run in memory that the caller gave. Everything is allocated in Create;
// afterwards Run only computes.
#ifndef EARSHOT_RUNTIME_ENGINE_SESSION_H_
#define EARSHOT_RUNTIME_ENGINE_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/core/weights_file.h"
#include "runtime/engine/program.h"
#include "runtime/memory/arena.h"
#include "runtime/xnnpack/packed_weights_file.h"

namespace earshot {

struct OpOperands;  // runtime/ops/op.h

// One run of an op as an observer sees it. Everything is borrowed for the duration of the call.
struct OpRun {
  int method = 0;                    // index in the program
  int op = 0;                        // index in the method; ops run in order, so 0 begins a run of the method
  std::span<const int64_t> symbols;  // in the method's order
  const OpOperands& operands;
  bool ranks_nearly = false;  // SessionOptions::ranks_nearly
};

// Watches a session at work, for traces and measurements. All or none of the functions are set. Called on the
// thread of Run around the computation of each op; `after` follows every `before`, on errors too. Must not
// touch the session; allocates only if the caller of Run may.
struct OpObserver {
  void* context = nullptr;
  void (*before)(void* context, const OpRun& run) = nullptr;
  void (*after)(void* context, const OpRun& run) = nullptr;
};

// Bytes of each memory class. The sum of all but the files is what Session::Create takes.
struct MemoryRequirements {
  size_t weights_bytes =
      0;  // the model file itself, mapped and shared, given back where packed copies replace it
  size_t packed_file_bytes = 0;  // SessionOptions::packed_weights, likewise mapped and shared
  size_t persistent_bytes =
      0;  // packed weights that no file holds, KV caches and other states, the session's own tables
  size_t activation_bytes = 0;  // planned offline; reused by every method
  size_t workspace_bytes = 0;   // largest scratch of any op, for the given number of threads
  size_t io_bytes = 0;          // inputs and outputs

  size_t total_bytes() const { return persistent_bytes + activation_bytes + workspace_bytes + io_bytes; }
};

struct SessionOptions {
  ThreadPool pool;  // borrowed; single-threaded by default

  WeightsFile weights_file;  // the owner of the model file may save memory; nothing by default

  // The memory holds zeros, as what the operating system hands out does. States are then not cleared, and
  // what a session never uses of them stays untouched: the pages of long windows where all clips are short.
  bool memory_is_zero = false;

  // Packed weights to use in place, of LoadPackedWeights with this program: nothing is packed, and their
  // originals are not read. Optional; the bytes must outlive the session.
  PackedWeightsFile packed_weights;

  // Names of methods to have of those that the program calls optional (fb::Method); a name that it lacks
  // means nothing. The others cannot be run and take no memory, nor do the last of the states, if no other
  // method uses them. Borrowed by Measure and Create only.
  std::span<const std::string_view> optional_methods;

  // Of layers that the program calls ranked (fb::Linear), compute exactly only what comes near the largest of
  // a row, and all else from the leading 4 bits of the weights: half the memory and less than half the time
  // (runtime/ops/ranked_linear.h says how nearly). For choosing tokens; not for comparing logits.
  bool ranks_nearly = false;

  OpObserver observer;  // optional; without one an op costs one branch more
};

class SessionImpl;

// Borrows the program, the memory and the pool; all must outlive it. Movable handle; the destructor frees
// nothing but what the libraries below registered outside the memory. Threads: one Run at a time. Sessions
// are independent, but creating and destroying them takes a process-wide lock.
class Session {
 public:
  // What Create will need on this machine. Reads no weights.
  static Result<MemoryRequirements> Measure(const Program& program, const SessionOptions& options);

  // Takes memory from `arena`, packs the weights, and clears the states. May call malloc (XNNPACK's one-time
  // initialization). Errors: kOutOfMemory with the bytes needed and given; kInvalidModel, kUnsupported with
  // the index and name of the op.
  static Result<Session> Create(const Program& program, Arena& arena, const SessionOptions& options);

  Session(Session&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  Session& operator=(Session&& other) noexcept;
  ~Session();

  // Whether the method can be run: the program has it, and so has the session. For start-up.
  bool HasMethod(std::string_view name) const;

  // Index of a value of that name in the method; kNotFound names it. For start-up, not for every step.
  Result<int> FindValue(int method, std::string_view name) const;
  // Index of a symbol; kNotFound.
  Result<int> FindSymbol(int method, std::string_view name) const;

  // Runs all ops. symbols[i] is the value of the method's i-th symbol.
  // Never allocates. Errors: kInvalidArgument (a symbol out of range, or a view that leaves its base),
  // kCancelled. After an error outputs and states hold unspecified numbers.
  Status Run(int method, std::span<const int64_t> symbols);

  // Makes all states zero, as they are after Create: a new sequence begins. Never allocates.
  void ResetStates();

  // The matrix of an input or output for these symbol values. Inputs are written before Run, outputs read
  // after it; the memory is stable for the life of the session.
  Result<MatrixView> View(int method, int value, std::span<const int64_t> symbols) const;

  // Bytes really taken, by class, for reports.
  MemoryRequirements used() const;

  const Program& program() const;

  // The matrices that Create packed, to be written for the next start (runtime/engine/packed_model.h).
  const PackedWeights& packed_weights() const;

 private:
  explicit Session(SessionImpl* impl) : impl_(impl) {}
  SessionImpl* impl_ = nullptr;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ENGINE_SESSION_H_
