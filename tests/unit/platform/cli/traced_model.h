// The synthetic Whisper with a session that a trace watches.
#ifndef EARSHOT_TESTS_UNIT_PLATFORM_CLI_TRACED_MODEL_H_
#define EARSHOT_TESTS_UNIT_PLATFORM_CLI_TRACED_MODEL_H_

#include <cstddef>
#include <string_view>

#include "platform/cli/op_trace.h"
#include "platform/files/memory_block.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"
#include "runtime/memory/arena.h"

namespace earshot::test {

class TracedModel {
 public:
  explicit TracedModel(DType weights, size_t max_ops = cli::OpTrace::kDefaultMaxOps);

  // Runs the method with every symbol at its minimum. Throws on an error.
  void Run(std::string_view method);

  const fb::Method& method(std::string_view name) const;
  const Program& program() const { return program_; }
  cli::OpTrace& trace() { return trace_; }

 private:
  MemoryBlock file_;
  Program program_;
  cli::OpTrace trace_;
  MemoryBlock memory_;
  Arena arena_;
  Session session_;
};

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_UNIT_PLATFORM_CLI_TRACED_MODEL_H_
