// The trace as JSON, event by event: a document of half a million events would fill a small machine's memory.
#include "platform/cli/trace_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "platform/cli/console.h"
#include "platform/cli/printable.h"
#include "platform/cli/units.h"
#include "platform/files/atomic_file.h"
#include "platform/files/input_files.h"

namespace earshot::cli {
namespace {

using Json = nlohmann::ordered_json;
using flatbuffers::uoffset_t;

struct Event {
  std::string name;
  std::string_view category;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  Json arguments = Json::object();
};

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Appends events to the file in large pieces.
class EventWriter {
 public:
  EventWriter(AtomicFileWriter file, int64_t origin_ns) : file_(std::move(file)), origin_ns_(origin_ns) {}

  Status Begin() { return Add("{\"displayTimeUnit\":\"ms\",\"traceEvents\":["); }

  Status Write(const Event& event) {
    const auto microseconds = [](int64_t ns) { return static_cast<double>(ns) / 1000; };
    const Json json = {{"name", event.name},
                       {"cat", event.category},
                       {"ph", "X"},
                       {"ts", microseconds(event.begin_ns - origin_ns_)},
                       {"dur", microseconds(event.end_ns - event.begin_ns)},
                       {"pid", 1},
                       {"tid", 1},
                       {"args", event.arguments}};
    const std::string separator = std::exchange(is_first_, false) ? "\n" : ",\n";
    return Add(separator + Dump(json));
  }

  Status End(const Json& other_data) {
    EARSHOT_RETURN_IF_ERROR(Add("\n],\"otherData\":" + Dump(other_data) + "}\n"));
    EARSHOT_RETURN_IF_ERROR(file_.Append(text_));
    return file_.Commit();
  }

 private:
  Status Add(const std::string& text) {
    constexpr size_t kPieceBytes = 1 << 20;
    text_ += text;
    if (text_.size() < kPieceBytes) return Status::Ok();
    EARSHOT_RETURN_IF_ERROR(file_.Append(text_));
    text_.clear();
    return Status::Ok();
  }

  AtomicFileWriter file_;
  int64_t origin_ns_;
  std::string text_;
  bool is_first_ = true;
};

Json SymbolsJson(const fb::Method& method, const OpRecord& record) {
  Json symbols = Json::object();
  const size_t count = std::min<size_t>(method.symbols()->size(), record.symbols.size());
  for (size_t i = 0; i < count; ++i) {
    symbols[method.symbols()->Get(static_cast<uoffset_t>(i))->name()->str()] = record.symbols[i];
  }
  return symbols;
}

Event OpEvent(const fb::Method& method, const OpRecord& record) {
  const fb::Op& op = *method.ops()->Get(static_cast<uoffset_t>(record.op));
  const char* type = fb::EnumNameOpAttributes(op.attributes_type());
  const bool has_name = op.name() != nullptr && op.name()->size() > 0;
  Json arguments = {{"method", method.name()->str()}, {"op", record.op}, {"type", type}};
  arguments.update(SymbolsJson(method, record));
  arguments.update(Json{{"rows", record.rows},
                        {"cols", record.cols},
                        {"multiply_adds", record.work.multiply_adds},
                        {"bytes", record.work.bytes()}});
  return {.name = has_name ? op.name()->str() : type,
          .category = "op",
          .begin_ns = record.begin_ns,
          .end_ns = record.end_ns,
          .arguments = std::move(arguments)};
}

// A run of a method: its ops.
using MethodRun = std::span<const OpRecord>;

int64_t EndOf(MethodRun run) { return run.back().end_ns; }

MethodRun NextRun(std::span<const OpRecord> ops, MethodRun previous) {
  const auto begin = previous.empty() ? ops.begin() : ops.begin() + (&previous.back() - ops.data() + 1);
  if (begin == ops.end()) return {};
  const auto end = std::find_if(begin + 1, ops.end(), [](const OpRecord& record) { return record.op == 0; });
  return {begin, end};
}

Status WriteRun(const fb::Model& model, MethodRun run, EventWriter& writer) {
  const fb::Method& method = *model.methods()->Get(static_cast<uoffset_t>(run.front().method));
  EARSHOT_RETURN_IF_ERROR(writer.Write({.name = method.name()->str(),
                                        .category = "method",
                                        .begin_ns = run.front().begin_ns,
                                        .end_ns = EndOf(run),
                                        .arguments = SymbolsJson(method, run.front())}));
  for (const OpRecord& record : run) EARSHOT_RETURN_IF_ERROR(writer.Write(OpEvent(method, record)));
  return Status::Ok();
}

Status WriteGap(std::string name, int64_t begin_ns, int64_t end_ns, EventWriter& writer) {
  if (begin_ns >= end_ns) return Status::Ok();
  return writer.Write({.name = std::move(name), .category = "host", .begin_ns = begin_ns, .end_ns = end_ns});
}

// The window, and the runs that lie in it from `run` on; `run` becomes the first one behind it.
Status WriteWindow(const OpTrace& trace, const WindowRecord& window, MethodRun& run, EventWriter& writer) {
  EARSHOT_RETURN_IF_ERROR(writer.Write({.name = "window",
                                        .category = "window",
                                        .begin_ns = window.begin_ns,
                                        .end_ns = window.end_ns,
                                        .arguments = {{"processed_ms", window.processed_ms}}}));
  const auto in_window = [&] { return !run.empty() && run.front().begin_ns < window.end_ns; };
  if (in_window())
    EARSHOT_RETURN_IF_ERROR(WriteGap("features", window.begin_ns, run.front().begin_ns, writer));
  while (in_window()) {
    EARSHOT_RETURN_IF_ERROR(WriteRun(trace.program().model(), run, writer));
    const MethodRun done = std::exchange(run, NextRun(trace.ops(), run));
    const int64_t next_ns = in_window() ? run.front().begin_ns : window.end_ns;
    if (!in_window() || run.front().method == done.front().method)
      EARSHOT_RETURN_IF_ERROR(WriteGap("sampling", EndOf(done), next_ns, writer));
  }
  return Status::Ok();
}

int64_t FirstTime(const OpTrace& trace) {
  int64_t first_ns = INT64_MAX;
  if (!trace.ops().empty()) first_ns = trace.ops().front().begin_ns;
  if (!trace.windows().empty()) first_ns = std::min(first_ns, trace.windows().front().begin_ns);
  return first_ns;
}

}  // namespace

Status CheckTracePath(const std::string& path, const std::vector<std::string>& inputs) {
  InputFiles files;
  for (const std::string& input : inputs) files.Add(input == "-" ? "/dev/stdin" : input);
  EARSHOT_RETURN_IF_ERROR(files.Check(path));
  return AtomicFileWriter::Create(path).status();
}

Status WriteTraceFile(const std::string& path, const OpTrace& trace) {
  EARSHOT_ASSIGN_OR_RETURN(AtomicFileWriter file, AtomicFileWriter::Create(path));
  EventWriter writer(std::move(file), FirstTime(trace));
  EARSHOT_RETURN_IF_ERROR(writer.Begin());
  const fb::Model& model = trace.program().model();
  MethodRun run = NextRun(trace.ops(), {});
  for (const WindowRecord& window : trace.windows()) {
    for (; !run.empty() && run.front().begin_ns < window.begin_ns; run = NextRun(trace.ops(), run))
      EARSHOT_RETURN_IF_ERROR(WriteRun(model, run, writer));
    EARSHOT_RETURN_IF_ERROR(WriteWindow(trace, window, run, writer));
  }
  for (; !run.empty(); run = NextRun(trace.ops(), run)) EARSHOT_RETURN_IF_ERROR(WriteRun(model, run, writer));
  return writer.End({{"model", model.name() == nullptr ? "" : Printable(model.name()->string_view())},
                     {"op_capacity", trace.max_ops()},
                     {"dropped_ops", trace.dropped_ops()}});
}

Status SaveTrace(const std::string& path, const OpTrace& trace) {
  EARSHOT_RETURN_IF_ERROR(WriteTraceFile(path, trace));
  GetConsole().Note("%s: %s op runs", path.c_str(), Grouped(trace.ops().size()).c_str());
  if (trace.dropped_ops() > 0) {
    GetConsole().Warning("%s: %s further op runs were dropped; it holds the first %s", path.c_str(),
                         Grouped(trace.dropped_ops()).c_str(), Grouped(trace.max_ops()).c_str());
  }
  return Status::Ok();
}

}  // namespace earshot::cli
