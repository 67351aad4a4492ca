// Traces on disk, for chrome://tracing and ui.perfetto.dev.
#ifndef EARSHOT_PLATFORM_CLI_TRACE_FILE_H_
#define EARSHOT_PLATFORM_CLI_TRACE_FILE_H_

#include <string>
#include <vector>

#include "platform/cli/op_trace.h"
#include "runtime/core/status.h"

namespace earshot::cli {

// Whether a file could be written there without replacing one of the inputs, found out before the work
// begins. Errors: those of AtomicFileWriter and of InputFiles.
Status CheckTracePath(const std::string& path, const std::vector<std::string>& inputs);

// Writes the trace in the Trace Event Format (JSON, complete events, microseconds since the first event), in
// order of time, parents before children:
//   window         from `windows`; in it "features", what comes before its first method, and "sampling", what
//                  comes after each run of a method that is followed by another of the same or by nothing
//   <method>       a run, with its symbols
//   <op name>      a run, with index, type, symbols, rows and cols of the output, multiply-adds, bytes
// Errors: those of AtomicFileWriter.
Status WriteTraceFile(const std::string& path, const OpTrace& trace);

// WriteTraceFile, then a note with the number of events, a warning if some were dropped.
Status SaveTrace(const std::string& path, const OpTrace& trace);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_TRACE_FILE_H_
