// The roofline of known work on a known machine.
#include "platform/cli/roofline.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/platform/cli/traced_model.h"

namespace earshot::cli {
namespace {

using Catch::Approx;
using test::TracedModel;

std::set<std::string> GroupsOf(const TracedModel& model, const char* method) {
  std::set<std::string> names;
  for (const fb::Op* op : *model.method(method).ops())
    names.insert(OpGroupName(GroupOf(model.program().model(), model.method(method), *op)));
  return names;
}

TEST_CASE("every op belongs to its group") {
  const TracedModel int8(DType::kI8);
  CHECK(GroupsOf(int8, "encode") ==
        std::set<std::string>{"add", "attention", "convolution", "dense int8", "norm"});
  CHECK(GroupsOf(int8, "decode") == std::set<std::string>{"add", "attention", "causal attention",
                                                          "dense int8", "embedding", "logits", "norm"});
  CHECK(GroupsOf(TracedModel(DType::kF16), "encode").contains("dense f32"));
}

// 1 int8 or 0.5 f32 operations a nanosecond; 10 bytes a nanosecond from 1000 bytes on, below 100.
const MachineLimits kMachine = {
    .f32_ops_per_s = 0.5e9, .int8_ops_per_s = 1e9, .reads = {{999, 100e9}, {1000, 10e9}}};

// The first op of `encode` with this work, for 1000 ns.
OpRecord Record(const TracedModel& model, const OpWork& work) {
  return {.begin_ns = 5000, .end_ns = 6000, .method = model.program().FindMethod("encode"), .work = work};
}

TEST_CASE("the longer of arithmetic and reading is the limit") {
  const TracedModel model(DType::kI8);
  const auto total = [&](const OpWork& work) {
    const OpRecord record = Record(model, work);
    return AverageRuns(model.program(), {&record, 1}, kMachine).total;
  };
  const GroupTimes f32 = total({.multiply_adds = 100, .weight_bytes = 2000});
  CHECK(f32.time_s == Approx(1000e-9));
  CHECK(f32.limit_s == Approx(400e-9));  // reading takes 200
  CHECK(f32.compute_limit_s == f32.limit_s);
  const GroupTimes int8 = total({.arithmetic = Arithmetic::kI8, .multiply_adds = 90, .weight_bytes = 2000});
  CHECK(int8.limit_s == Approx(200e-9));  // arithmetic takes 180
  CHECK(int8.compute_limit_s == 0);
  // Weights and states share one working set, activations have their own.
  const GroupTimes bytes = total({.weight_bytes = 500, .state_bytes = 500, .activation_bytes = 900});
  CHECK(bytes.limit_s == Approx(100e-9 + 9e-9));
  CHECK(bytes.bytes == 1900);
}

TEST_CASE("runs are averaged, and groups add up to the total") {
  const TracedModel model(DType::kI8);
  std::vector<OpRecord> ops;
  const size_t num_ops = model.method("encode").ops()->size();
  for (int run = 0; run < 3; ++run) {
    for (size_t op = 0; op < num_ops; ++op) {
      ops.push_back(Record(model, {.multiply_adds = 10 * (run + 1), .activation_bytes = 100}));
      ops.back().op = static_cast<int>(op);
    }
  }
  const RunTimes times = AverageRuns(model.program(), ops, kMachine);
  CHECK(times.total.time_s == Approx(1000e-9 * static_cast<double>(num_ops)));
  CHECK(times.total.multiply_adds == Approx(20.0 * static_cast<double>(num_ops)));
  double time_s = 0, limit_s = 0;
  for (const GroupTimes& group : times.groups) {
    time_s += group.time_s;
    limit_s += group.limit_s;
  }
  CHECK(time_s == Approx(times.total.time_s));
  CHECK(limit_s == Approx(times.total.limit_s));
}

}  // namespace
}  // namespace earshot::cli
