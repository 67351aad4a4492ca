// Which op ran when: collected in memory taken beforehand, for trace files and measurements.
#ifndef EARSHOT_PLATFORM_CLI_OP_TRACE_H_
#define EARSHOT_PLATFORM_CLI_OP_TRACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine/program.h"
#include "runtime/engine/session.h"
#include "runtime/ops/op_work.h"

namespace earshot::cli {

// A run of an op. Times in nanoseconds of the steady clock.
struct OpRecord {
  static constexpr size_t kMaxSymbols = 4;

  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  int method = 0;
  int op = 0;                                     // index in the method; 0 begins a run of the method
  std::array<int64_t, kMaxSymbols> symbols = {};  // the first ones of the method
  int64_t rows = 0;                               // of the output
  int64_t cols = 0;
  OpWork work;
};

// A window of audio, from the end of the one before it to its own end.
struct WindowRecord {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  int64_t processed_ms = 0;  // of the recording, at its end
};

// Keeps the first runs of methods, each whole or not at all, and counts what it drops. Takes all memory when
// it is made, and touches it as it is needed. Threads: that of the session.
class OpTrace {
 public:
  static constexpr size_t kDefaultMaxOps = 500'000;
  static constexpr size_t kMaxWindows = 10'000;

  // Borrows the program's file.
  explicit OpTrace(const Program& program, size_t max_ops = kDefaultMaxOps);
  OpTrace(const OpTrace&) = delete;
  OpTrace& operator=(const OpTrace&) = delete;

  // For SessionOptions. Borrows the trace.
  OpObserver observer();

  // A recording begins: so does its first window.
  void BeginWindows();
  // A window ends, and the next begins.
  void EndWindow(int64_t processed_ms);
  // Forgets everything but the memory.
  void Clear();

  const Program& program() const { return program_; }
  std::span<const OpRecord> ops() const { return ops_; }
  std::span<const WindowRecord> windows() const { return windows_; }
  size_t max_ops() const { return ops_.capacity(); }
  uint64_t dropped_ops() const { return dropped_ops_; }

 private:
  void Before(const OpRun& run);
  void After(const OpRun& run);

  Program program_;
  std::vector<OpRecord> ops_;
  std::vector<WindowRecord> windows_;
  int64_t window_begin_ns_ = 0;
  uint64_t dropped_ops_ = 0;
  bool drops_run_ = false;  // the run of the method at hand does not fit
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_OP_TRACE_H_
