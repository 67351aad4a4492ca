// Ctrl-C as a flag that long work looks at, so that what was done so far can be kept.
#ifndef EARSHOT_PLATFORM_CLI_INTERRUPT_H_
#define EARSHOT_PLATFORM_CLI_INTERRUPT_H_

namespace earshot::cli {

// Catches SIGINT (Ctrl-C) and SIGTERM from now on: the first one only sets the flag, the next ends the
// process as usual. A broken pipe becomes a write error instead of a signal.
void CatchSignals();

// Whether one has come. Threads: from any.
bool Interrupted();

// 128 + the number of the signal that came; kExitInterrupted if none did.
int InterruptedExitCode();

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_INTERRUPT_H_
