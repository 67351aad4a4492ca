// The handler of SIGINT and SIGTERM: one atomic flag.
#include "platform/cli/interrupt.h"

#include <signal.h>

#include <atomic>

#include "platform/cli/exit_code.h"

namespace earshot::cli {
namespace {

std::atomic<int> caught_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch it only then");

void OnSignal(int number) { caught_signal.store(number, std::memory_order_relaxed); }

}  // namespace

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  // One-shot: a second Ctrl-C must get through even if the work never looks at the flag. Restarting keeps
  // reads of slow input whole; they are short.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool Interrupted() { return caught_signal.load(std::memory_order_relaxed) != 0; }

int InterruptedExitCode() {
  const int number = caught_signal.load(std::memory_order_relaxed);
  return number == 0 ? kExitInterrupted : 128 + number;
}

}  // namespace earshot::cli
