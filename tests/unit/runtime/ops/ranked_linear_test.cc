// A ranked layer computed nearly: what can be chosen is exact, the rest is not far off.
#include "runtime/ops/ranked_linear.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <span>

#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"
#include "runtime/core/typed_bytes.h"
#include "runtime/engine/session.h"
#include "tests/unit/runtime/ops/op_testing.h"

namespace earshot::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using ir::Dim;

constexpr int64_t kInputs = 64, kOutputs = 3001, kGroupBegin = 2000;

// As vocabularies have it: some columns have a mean, or a spread, many times that of the others.
std::vector<float> Weights() {
  std::vector<float> weights = NoiseFloats(kOutputs * kInputs, 5);
  for (size_t i = 0; i < weights.size(); ++i) {
    const size_t column = i % kInputs;
    if (column == 3) weights[i] *= 20;
    if (column % 8 == 1) weights[i] += 3;
  }
  return weights;
}

ir::Graph RankedGraph() {
  return OneMethod([&](ir::Graph& graph, ir::MethodBuilder& method) {
    const int rows = method.AddSymbol("rows", 5);
    const int x = method.AddInput({.name = "x", .rows = Dim::Of(rows), .cols = Dim::Fixed(kInputs)});
    const int w = method.Constant(ir::AddTensor(graph, "w", kOutputs, kInputs, Weights()));
    method.MakeOutput(method.Apply("op", ir::Linear{.is_ranked = true, .ranked_begin = kGroupBegin}, {x, w}),
                      "out");
  });
}

MemoryBlock Aligned(const std::vector<std::byte>& bytes) {
  MemoryBlock block = MemoryBlock::Allocate(bytes.size()).value();
  std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
  return block;
}

// Reads in memory, and fails where asked to.
struct Reader {
  bool fails = false;

  WeightsFile AsWeightsFile() {
    return {.context = this, .read = [](void* context, std::span<const std::byte> bytes, std::byte* target) {
              auto& reader = *static_cast<Reader*>(context);
              if (reader.fails) return Status::Error(StatusCode::kIo, "the file is gone");
              std::memcpy(target, bytes.data(), bytes.size());
              return Status::Ok();
            }};
  }
};

class RankedSession {
 public:
  explicit RankedSession(const SessionOptions& options)
      : file_(Aligned(ModelFile(RankedGraph(), nullptr, DType::kI8))),
        program_(Program::Load(file_.bytes()).value()),
        memory_(MemoryBlock::Allocate(Session::Measure(program_, options).value().total_bytes()).value()),
        arena_(memory_.bytes()),
        session_(Session::Create(program_, arena_, options).value()) {}

  Status Run(const std::vector<float>& x, std::vector<float>& out) {
    const int64_t rows[] = {std::ssize(x) / kInputs};
    const MatrixView in = session_.View(0, session_.FindValue(0, "x").value(), rows).value();
    std::memcpy(in.data, x.data(), x.size() * sizeof(float));
    EARSHOT_RETURN_IF_ERROR(session_.Run(0, rows));
    const MatrixView view = session_.View(0, session_.FindValue(0, "out").value(), rows).value();
    const float* data = view.As<float>().data;
    out.assign(data, data + view.rows * view.cols);
    return Status::Ok();
  }

  // In double, from the weights of the file.
  std::vector<double> Expected(std::span<const float> x) const {
    for (const fb::Tensor* tensor : *program_.model().tensors()) {
      if (tensor->name()->string_view() != "w") continue;
      const auto* weights = ElementsAt<int8_t>(program_.TensorData(*tensor).data());
      const auto* scales = ElementsAt<float>(program_.TensorScales(*tensor).data());
      std::vector<double> result(kOutputs, 0.0);
      for (size_t n = 0; n < result.size(); ++n) {
        for (size_t k = 0; k < kInputs; ++k)
          result[n] += static_cast<double>(x[k]) * weights[n * kInputs + k] * static_cast<double>(scales[n]);
      }
      return result;
    }
    return {};
  }

  size_t persistent_bytes() const { return session_.used().persistent_bytes; }

 private:
  MemoryBlock file_;
  Program program_;
  MemoryBlock memory_;
  Arena arena_;
  Session session_;
};

std::vector<float> Rows(int64_t count) { return NoiseFloats(count * kInputs, 9); }

// What 4 bits can be off by. Steps are a 8.75th of the largest weight of a row, which is cut off to 7 of
// them: 1.75 steps, or a fifth of that weight. In a column that is spread evenly none is more than the square
// root of 3 deviations from its mean, and a deviation is the half width by that root: so it is a fifth of the
// half width, and a tenth of that more, since columns are known from a sample.
double FarthestOff(std::span<const float> x) {
  double sum = 0;
  for (size_t k = 0; k < kInputs; ++k) sum += std::abs(static_cast<double>(x[k])) * (k == 3 ? 20 : 1);
  return 0.22 * sum;
}

void CheckGroup(std::span<const float> near, std::span<const double> expected, double shift,
                double farthest) {
  std::vector<double> sorted(expected.begin(), expected.end());
  std::ranges::sort(sorted, std::greater<>());
  CHECK(expected[static_cast<size_t>(std::ranges::max_element(near) - near.begin())] == sorted[0]);
  for (size_t n = 0; n < near.size(); ++n) {
    const double difference = near[n] + shift - expected[n];
    // 64 products and sums in f32 of numbers up to 20.
    if (expected[n] >= sorted[4]) CHECK(std::abs(difference) < 1e-4);
    CHECK(std::abs(difference) < farthest);
  }
}

TEST_CASE("the largest of each group are exact, the rest is not far off") {
  const int64_t rows = GENERATE(1, 3, 5);
  const bool through_reader = GENERATE(false, true);
  const auto threads = WorkerThreads::Start(2).value();
  Reader reader;
  SessionOptions options = {.pool = threads.pool(), .ranks_nearly = true};
  if (through_reader) options.weights_file = reader.AsWeightsFile();
  RankedSession session(options);
  const std::vector<float> x = Rows(rows);
  std::vector<float> out;
  REQUIRE(session.Run(x, out).ok());
  for (int64_t row = 0; row < rows; ++row) {
    const std::span<const float> near = std::span(out).subspan(static_cast<size_t>(row * kOutputs), kOutputs);
    const std::span<const float> x_row = std::span(x).subspan(static_cast<size_t>(row * kInputs), kInputs);
    const std::vector<double> expected = session.Expected(x_row);
    const auto largest = static_cast<size_t>(std::ranges::max_element(expected) - expected.begin());
    const double shift = expected[largest] - static_cast<double>(near[largest]);
    CheckGroup(near.first(kGroupBegin), std::span(expected).first(kGroupBegin), shift, FarthestOff(x_row));
    CheckGroup(near.subspan(kGroupBegin), std::span(expected).subspan(kGroupBegin), shift,
               FarthestOff(x_row));
    const auto is_off = [&](size_t n) { return std::abs(near[n] + shift - expected[n]) > 1e-3; };
    int64_t num_off = 0;
    for (size_t n = 0; n < expected.size(); ++n) num_off += is_off(n) ? 1 : 0;
    CHECK(num_off > kOutputs / 2);  // it was not all computed exactly
  }
}

TEST_CASE("only sessions that ask for it rank nearly, and these need less memory") {
  RankedSession exact({}), near({.ranks_nearly = true});
  const std::vector<float> x = Rows(1);
  std::vector<float> out;
  REQUIRE(exact.Run(x, out).ok());
  const auto expected = exact.Expected(x);
  // Half a step of 8 bits for each input, which are in [-1, 1), times the sum of weights: 20, 8 times 4, and
  // 55 others.
  for (size_t n = 0; n < expected.size(); ++n) CHECK(std::abs(out[n] - expected[n]) < 0.5 * 2 / 255 * 107);
  CHECK(near.persistent_bytes() < exact.persistent_bytes() - kOutputs * kInputs / 3);
}

TEST_CASE("a file that cannot be read ends a ranked layer with its error") {
  const int64_t rows = GENERATE(1, 4);
  const auto threads = WorkerThreads::Start(2).value();
  Reader reader;
  RankedSession session(
      {.pool = threads.pool(), .weights_file = reader.AsWeightsFile(), .ranks_nearly = true});
  reader.fails = true;
  std::vector<float> out;
  const Status status = session.Run(Rows(rows), out);
  CHECK(status.code() == StatusCode::kIo);
  CHECK_THAT(status.message(), ContainsSubstring("gone"));
}

}  // namespace
}  // namespace earshot::test
