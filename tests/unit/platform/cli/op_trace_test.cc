// OpTrace and its file: every op of a run once and in order, whole runs only, JSON that viewers read.
#include "platform/cli/op_trace.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platform/cli/trace_file.h"
#include "tests/support/synthetic_whisper.h"
#include "tests/unit/platform/cli/traced_model.h"

namespace earshot::cli {
namespace {

using test::TracedModel;
using Json = nlohmann::json;

TEST_CASE("a trace has each op of a run once, in order, with its time, shape and work") {
  TracedModel model(DType::kI8);
  model.Run("encode");
  model.Run("decode");
  const std::span<const OpRecord> ops = model.trace().ops();
  const size_t num_encode = model.method("encode").ops()->size(),
               num_decode = model.method("decode").ops()->size();
  REQUIRE(ops.size() == num_encode + num_decode);
  CHECK(model.trace().dropped_ops() == 0);
  for (size_t i = 0; i < ops.size(); ++i) {
    const bool encodes = i < num_encode;
    CHECK(ops[i].method == model.program().FindMethod(encodes ? "encode" : "decode"));
    CHECK(ops[i].op == static_cast<int>(encodes ? i : i - num_encode));
    CHECK(ops[i].begin_ns <= ops[i].end_ns);
    if (i > 0) CHECK(ops[i - 1].end_ns <= ops[i].begin_ns);
    CHECK(ops[i].rows >= 1);
    CHECK(ops[i].cols >= 1);
    CHECK(ops[i].work.bytes() > 0);
  }
}

TEST_CASE("a full trace keeps the first runs whole and counts the rest") {
  TracedModel model(DType::kF32, 1);
  const size_t num_encode = model.method("encode").ops()->size(),
               num_decode = model.method("decode").ops()->size();
  model.Run("encode");
  CHECK(model.trace().ops().empty());
  CHECK(model.trace().dropped_ops() == num_encode);

  TracedModel larger(DType::kF32, num_encode + num_decode + num_decode / 2);
  for (const char* method : {"encode", "decode", "decode", "decode"}) larger.Run(method);
  CHECK(larger.trace().ops().size() == num_encode + num_decode);
  CHECK(larger.trace().dropped_ops() == 2 * num_decode);
  larger.trace().Clear();
  larger.Run("decode");
  CHECK(larger.trace().ops().size() == num_decode);
  CHECK(larger.trace().dropped_ops() == 0);
}

Json Written(const OpTrace& trace) {
  const test::TemporaryDirectory directory("earshot_trace", {}, {});
  const std::string path = directory.path() + "/trace.json";
  const Status status = WriteTraceFile(path, trace);
  INFO(status.message());
  REQUIRE(status.ok());
  std::ifstream file(path);
  return Json::parse(file);
}

// Whether each event lies within the one it follows, or behind it. Ends are compared in whole nanoseconds.
void CheckNesting(const Json& events) {
  std::vector<int64_t> open_ends;
  int64_t previous_begin = 0;
  for (const Json& event : events) {
    const auto ns = [&event](const char* key) { return std::llround(event.at(key).get<double>() * 1000); };
    const int64_t begin = ns("ts"), end = begin + ns("dur");
    CHECK(begin >= previous_begin);
    previous_begin = begin;
    while (!open_ends.empty() && open_ends.back() <= begin) open_ends.pop_back();
    if (!open_ends.empty()) CHECK(end <= open_ends.back());
    open_ends.push_back(end);
  }
}

TEST_CASE("the file nests windows, methods and ops") {
  TracedModel model(DType::kI8);
  model.Run("encode");  // before any window
  model.trace().BeginWindows();
  for (const char* method : {"encode", "decode", "decode"}) model.Run(method);
  model.trace().EndWindow(30000);
  for (const char* method : {"encode", "decode"}) model.Run(method);
  model.trace().EndWindow(31000);
  model.Run("decode");

  const Json document = Written(model.trace());
  std::map<std::string, int> counts;
  for (const Json& event : document.at("traceEvents")) {
    CHECK(event.at("ph") == "X");
    ++counts[event.at("cat") == "op" ? "op" : event.at("name").get<std::string>()];
  }
  CheckNesting(document.at("traceEvents"));
  CHECK(counts == std::map<std::string, int>{{"window", 2},
                                             {"features", 2},
                                             {"encode", 3},
                                             {"decode", 4},
                                             {"sampling", 3},
                                             {"op", static_cast<int>(model.trace().ops().size())}});
  CHECK(document.at("otherData").at("dropped_ops") == 0);
}

TEST_CASE("an op's event says what it was") {
  TracedModel model(DType::kI8);
  model.Run("decode");
  const Json document = Written(model.trace());
  const Json& events = document.at("traceEvents");
  REQUIRE(events.size() == model.method("decode").ops()->size() + 1);
  CHECK(events[0].at("name") == "decode");
  for (size_t i = 1; i < events.size(); ++i) {
    const fb::Op& op = *model.method("decode").ops()->Get(static_cast<flatbuffers::uoffset_t>(i - 1));
    const Json& arguments = events[i].at("args");
    CHECK(events[i].at("name") == op.name()->str());
    CHECK(arguments.at("type") == fb::EnumNameOpAttributes(op.attributes_type()));
    CHECK(arguments.at("op") == i - 1);
    CHECK(arguments.at("tokens") == 1);
    CHECK(arguments.at("position") == 0);
  }
}

TEST_CASE("an empty trace is a file as well") {
  TracedModel model(DType::kF32);
  CHECK(Written(model.trace()).at("traceEvents").empty());
}

}  // namespace
}  // namespace earshot::cli
