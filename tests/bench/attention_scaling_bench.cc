// Time and memory of one attention layer by length and pattern, from the smallest sequences to 16,384 tokens.
// Prints a table with tabs, for attention_scaling.py. Usage: attention_scaling_bench [MAX_TOKENS]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "converter/emit/memory_file.h"
#include "converter/ir/graph.h"
#include "converter/ir/graph_builder.h"
#include "converter/plan/memory_planner.h"
#include "converter/quantize/quantize.h"
#include "models/blocks/key_selection.h"
#include "platform/files/memory_block.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"

namespace earshot::bench {
namespace {

constexpr int64_t kHeads = 4, kHeadDim = 64, kWidth = kHeads * kHeadDim;
constexpr int64_t kBlock = 64;  // BigBird (Zaheer et al. 2020): blocks of 64 tokens
constexpr uint32_t kSeed = 11;

void ThrowOnError(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

// Blocks of BigBird: the first and the last for everyone, three around the query's own, three at random; the
// first and the last see all.
ir::KeySelection BigBirdBlocks(int64_t num_blocks) {
  std::mt19937 random(kSeed);
  ir::KeySelection selection = {.kind = ir::SelectionKind::kBlocks, .step = kBlock, .block_begins = {0}};
  for (int64_t row = 0; row < num_blocks; ++row) {
    std::vector<int64_t> blocks;
    if (row == 0 || row == num_blocks - 1) {
      for (int64_t block = 0; block < num_blocks; ++block) blocks.push_back(block);
    } else {
      blocks = {0, row - 1, row, row + 1, num_blocks - 1};
      for (int i = 0; i < 3; ++i)
        blocks.push_back(static_cast<int64_t>(random() % static_cast<uint32_t>(num_blocks)));
    }
    std::ranges::sort(blocks);
    blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
    selection.blocks.insert(selection.blocks.end(), blocks.begin(), blocks.end());
    selection.block_begins.push_back(std::ssize(selection.blocks));
  }
  return selection;
}

struct Kind {
  const char* name;
  std::vector<ir::KeySelection> (*selections)(int64_t tokens);  // nullptr: linear attention
};

const Kind kKinds[] = {
    {"full", [](int64_t) { return std::vector<ir::KeySelection>{{.kind = ir::SelectionKind::kAll}}; }},
    {"local, 64 each side", [](int64_t) { return std::vector{blocks::Local(64, 64)}; }},
    {"local + every 64th",
     [](int64_t) { return std::vector{blocks::Local(64, 64), blocks::Columns(64, 0, 1)}; }},
    {"BigBird", [](int64_t tokens) { return std::vector{BigBirdBlocks(tokens / kBlock)}; }},
    {"linear", nullptr},
};

int Projection(ir::Graph& graph, ir::MethodBuilder& method, const std::string& name, int in) {
  std::mt19937 random(kSeed);
  std::normal_distribution<float> normal(0.0f, 0.06f);
  std::vector<float> values(static_cast<size_t>(kWidth * kWidth));
  for (float& value : values) value = normal(random);
  const int weight = ir::AddTensor(graph, name + ".weight", kWidth, kWidth, std::move(values));
  return method.Apply(name, ir::Linear{}, {in, method.Constant(weight)});
}

ir::Graph Layer(const Kind& kind, int64_t tokens) {
  ir::Graph graph;
  graph.family = "bench";
  graph.name = kind.name;
  ir::MethodBuilder method(graph, "forward");
  const ir::Dim length = ir::Dim::Of(method.AddSymbol("length", tokens));
  const int x = method.AddInput({.name = "x", .rows = length, .cols = ir::Dim::Fixed(kWidth)});
  int q = Projection(graph, method, "q", x), k = Projection(graph, method, "k", x);
  const int v = Projection(graph, method, "v", x);
  int mixed = ir::kNone;
  if (kind.selections != nullptr) {
    const ir::HeadPattern head = {.selections = kind.selections(tokens)};
    mixed = method.Apply(
        "attend", blocks::AttendTo({.heads = kHeads, .kv_heads = kHeads, .head_dim = kHeadDim}, {head}),
        {q, k, v});
  } else {
    const auto feature = [&method](const char* name, int value) {
      ir::Unary unary;
      unary.function = ir::UnaryFunction::EluPlusOne;
      return method.Apply(name, unary, {value});
    };
    q = feature("phi_q", q);
    k = feature("phi_k", k);
    ir::LinearAttention linear;
    linear.num_heads = kHeads;
    linear.normalizer = ir::LinearNormalizer::AddEpsilon;
    linear.epsilon = 1e-6f;
    mixed = method.Apply("attend", linear, {q, k, v});
  }
  method.MakeOutput(Projection(graph, method, "out", mixed), "y");
  ThrowOnError(std::move(method).Finish());
  return graph;
}

// Median of the seconds of some runs.
double Seconds(Session& session, int64_t tokens) {
  using SteadyClock = std::chrono::steady_clock;
  std::vector<double> seconds;
  const std::vector<int64_t> symbols = {tokens};
  for (double total = 0.0; seconds.size() < 3 || (total < 0.5 && seconds.size() < 50);) {
    const auto begin = SteadyClock::now();
    ThrowOnError(session.Run(0, symbols));
    seconds.push_back(std::chrono::duration<double>(SteadyClock::now() - begin).count());
    total += seconds.back();
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

void Measure(const Kind& kind, int64_t tokens) {
  ir::Graph graph = Layer(kind, tokens);
  ThrowOnError(quantize::Quantize(graph, {.weights = DType::kF32}).status());
  ThrowOnError(plan::PlanMemory(graph));
  const MemoryBlock file = emit::WriteModelToMemory(graph).value();
  const Program program = Program::Load(file.bytes()).value();
  const MemoryRequirements needed = Session::Measure(program, {}).value();
  const MemoryBlock memory = MemoryBlock::Allocate(needed.total_bytes()).value();
  Arena arena(memory.bytes());
  Session session = Session::Create(program, arena, {}).value();
  const size_t growing = needed.activation_bytes + needed.workspace_bytes + needed.io_bytes;
  std::printf("%s\t%lld\t%.6f\t%zu\n", kind.name, static_cast<long long>(tokens), Seconds(session, tokens),
              growing);
  std::fflush(stdout);
}

}  // namespace
}  // namespace earshot::bench

int main(int argc, char** argv) {
  try {
    const int64_t max_tokens = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 16384;
    std::printf("pattern\ttokens\tseconds\tbytes\n");
    for (int64_t tokens = 512; tokens <= max_tokens; tokens *= 2) {
      for (const auto& kind : earshot::bench::kKinds) earshot::bench::Measure(kind, tokens);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
