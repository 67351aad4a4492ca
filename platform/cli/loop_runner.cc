// LoopRunner.
#include "platform/cli/loop_runner.h"

#include <utility>

#include "models/loops/loop.h"
#include "platform/cli/family_drivers.h"

namespace earshot::cli {
namespace {

// For results and the buffers of loops. Untouched pages cost nothing.
constexpr size_t kResultBytes = size_t{64} << 20;

template <class T>
std::byte* BytesOf(std::span<const T> values) {
  return const_cast<std::byte*>(std::as_bytes(values).data());  // runs only read inputs
}

}  // namespace

loops::Array InputOf(std::string_view name, std::span<const int32_t> values) {
  return {.name = name,
          .dtype = DType::kI32,
          .rank = 1,
          .rows = std::ssize(values),
          .cols = 1,
          .data = BytesOf(values)};
}

loops::Array InputOf(std::string_view name, std::span<const float> values, int64_t cols) {
  return {.name = name,
          .dtype = DType::kF32,
          .rank = 2,
          .rows = std::ssize(values) / cols,
          .cols = cols,
          .data = BytesOf(values)};
}

LoopRunner::LoopRunner(MemoryBlock memory, MemoryBlock results)
    : memory_(std::move(memory)), results_(std::move(results)) {}

Result<LoopRunner> LoopRunner::Create(const LoadedModel& model) {
  const SessionOptions options = model.session_options();
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Session::Measure(model.program(), options));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock results, MemoryBlock::Allocate(kResultBytes));
  LoopRunner runner(std::move(memory), std::move(results));
  Arena session_arena(runner.memory_.bytes());
  EARSHOT_ASSIGN_OR_RETURN(Session session, Session::Create(model.program(), session_arena, options));
  runner.session_ = std::make_unique<Session>(std::move(session));
  return runner;
}

Status LoopRunner::Run(std::string_view loop, std::span<const loops::Array> inputs) {
  arena_ = std::make_unique<Arena>(results_.bytes());
  run_ = std::make_unique<loops::Run>(inputs, std::span<const loops::Setting>(), *arena_);
  return loops::RunByName(*session_, loop, FamilyDrivers(), *run_);
}

Result<loops::Array> LoopRunner::Output(std::string_view name) const {
  for (const loops::Array& array : run_->outputs()) {
    if (array.name == name) return array;
  }
  return Status::Error(StatusCode::kInvalidModel, "the loop makes no output \"%.*s\"",
                       static_cast<int>(name.size()), name.data());
}

}  // namespace earshot::cli
