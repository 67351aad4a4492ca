// `earshot run` with every allocator function guarded: aborts with a stack trace if a method or loop touches
// the heap.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "platform/cli/run_command.h"
#include "tests/memory/allocation_guard.h"

int main(int argc, char** argv) {
  CLI::App app("Runs a method or loop of a model and aborts on any allocation meanwhile.", "guarded_run");
  earshot::cli::RunOptions options;
  earshot::cli::AddRunOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  const earshot::Status status = earshot::cli::RunFiles(options, [](earshot::cli::ModelRun& run) {
    const earshot::test::AllocationGuard guard(earshot::test::OnAllocation::kAbort);
    return run.Execute();
  });
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message());
  return status.ok() ? 0 : 1;
}
