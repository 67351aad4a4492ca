// OpTrace: nothing but the clock lies between the op and its times.
#include "platform/cli/op_trace.h"

#include <algorithm>
#include <chrono>

namespace earshot::cli {
namespace {

using flatbuffers::uoffset_t;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

OpTrace::OpTrace(const Program& program, size_t max_ops) : program_(program) {
  ops_.reserve(max_ops);
  windows_.reserve(kMaxWindows);
}

OpObserver OpTrace::observer() {
  return {.context = this,
          .before = [](void* context, const OpRun& run) { static_cast<OpTrace*>(context)->Before(run); },
          .after = [](void* context, const OpRun& run) { static_cast<OpTrace*>(context)->After(run); }};
}

void OpTrace::Before(const OpRun& run) {
  if (run.op == 0) {
    const fb::Method& method = *program_.model().methods()->Get(static_cast<uoffset_t>(run.method));
    drops_run_ = dropped_ops_ > 0 || ops_.capacity() - ops_.size() < method.ops()->size();
  }
  if (drops_run_) {
    ++dropped_ops_;
    return;
  }
  OpRecord& record = ops_.emplace_back();
  record.method = run.method;
  record.op = run.op;
  record.begin_ns = NowNs();
}

void OpTrace::After(const OpRun& run) {
  const int64_t end_ns = NowNs();
  if (drops_run_) return;
  OpRecord& record = ops_.back();
  record.end_ns = end_ns;
  std::copy_n(run.symbols.begin(), std::min(run.symbols.size(), record.symbols.size()),
              record.symbols.begin());
  record.rows = run.operands.outputs[0].rows;
  record.cols = run.operands.outputs[0].cols;
  const fb::Method& method = *program_.model().methods()->Get(static_cast<uoffset_t>(run.method));
  record.work =
      CountWork(method, *method.ops()->Get(static_cast<uoffset_t>(run.op)), run.operands, run.ranks_nearly);
}

void OpTrace::BeginWindows() { window_begin_ns_ = NowNs(); }

void OpTrace::EndWindow(int64_t processed_ms) {
  const int64_t end_ns = NowNs();
  if (windows_.size() < windows_.capacity()) windows_.push_back({window_begin_ns_, end_ns, processed_ms});
  window_begin_ns_ = end_ns;
}

void OpTrace::Clear() {
  ops_.clear();
  windows_.clear();
  dropped_ops_ = 0;
}

}  // namespace earshot::cli
