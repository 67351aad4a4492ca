// How the time of sparse attention grows with the sequence: a fixed number of keys for each query should cost
// a fixed time for each query. Usage: sparse_attention_bench [runs]. One thread, in CPU time; the median of
// the runs.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "runtime/attention/attention.h"
#include "runtime/attention/attention_job.h"
#include "runtime/attention/patterns/block_pattern.h"
#include "runtime/attention/patterns/window_pattern.h"

namespace earshot::bench {
namespace {

constexpr int64_t kHeads = 4, kDim = 64, kWidth = kHeads * kDim;

double Now() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<float> Waves(int64_t length, float frequency) {
  std::vector<float> values(static_cast<size_t>(length * kWidth));
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(frequency * static_cast<float>(i));
  return values;
}

// Median over the runs, in milliseconds.
double Milliseconds(const AttentionPattern& pattern, int64_t length, int runs) {
  const std::vector<float> q = Waves(length, 1.0f), k = Waves(length, 0.3f), v = Waves(length, 0.7f);
  std::vector<float> out(q.size());
  const AttentionParams params = {
      .shape = {kHeads, kHeads, kDim, length, length}, .scale = 0.125f, .pattern = &pattern};
  const AttentionOperands<float> operands = {.q = {q.data(), length, kWidth, kWidth},
                                             .k = {k.data(), length, kWidth, kWidth},
                                             .v = {v.data(), length, kWidth, kWidth},
                                             .out = {out.data(), length, kWidth, kWidth}};
  const size_t bytes = AttentionWorkspaceBytes(params.shape, 1);
  const std::unique_ptr<std::byte, decltype(&std::free)> workspace(
      static_cast<std::byte*>(std::aligned_alloc(64, bytes)), &std::free);
  std::vector<double> times;
  for (int i = 0; i <= runs; ++i) {
    const double start = Now();
    Attend(params, operands, {workspace.get(), bytes}, ThreadPool());
    if (i > 0) times.push_back(1e3 * (Now() - start));
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

// Keys that a query sees, on average over some queries.
double KeysOfQuery(const AttentionPattern& pattern, int64_t length) {
  constexpr int64_t kStep = 61;
  int64_t keys = 0, queries = 0;
  for (int64_t query = 0; query < length; query += kStep, ++queries) {
    const QueryBlock row = {0, query, query + 1, length, length};
    for (int64_t i = 0; i < pattern.NumRanges(row); ++i) keys += attention::NumKeys(pattern.Range(row, i));
  }
  return static_cast<double>(keys) / static_cast<double>(queries);
}

// Five blocks of 32 keys for each block of queries, far apart.
struct ScatteredBlocks {
  explicit ScatteredBlocks(int64_t length) {
    const uint32_t rows = static_cast<uint32_t>(length / kBlock);
    for (uint32_t row = 0; row < rows; ++row) {
      for (uint32_t i = 0; i < kPerRow; ++i) blocks.push_back(i * (rows / kPerRow) + row % (rows / kPerRow));
      begins.push_back(static_cast<uint32_t>(blocks.size()));
    }
  }
  static constexpr uint32_t kBlock = 32, kPerRow = 5;
  std::vector<uint32_t> begins = {0}, blocks;
  BlockPattern pattern() const { return BlockPattern({.block = kBlock, .begins = begins, .blocks = blocks}); }
};

void Print(const char* name, const AttentionPattern& pattern, int64_t length, int runs) {
  const double milliseconds = Milliseconds(pattern, length, runs);
  std::printf("%-34s %6lld tokens  %7.1f keys a query  %8.2f ms  %6.2f us a token\n", name,
              static_cast<long long>(length), KeysOfQuery(pattern, length), milliseconds,
              1e3 * milliseconds / static_cast<double>(length));
}

void Run(int runs) {
  constexpr auto kDilated = KeysBeyond::kDilated;
  const struct {
    const char* name;
    WindowSpec spec;
  } cases[] = {
      {"window of 64 + 64", {.left = 64, .right = 64}},
      {"dilated by 8, 64 + 64", {.beyond = kDilated, .step = 8, .reach_left = 512, .reach_right = 512}},
      {"bucket of 128", {.left = 0, .right = 0, .bucket = 128}},
      {"every 128th before, strided", {.beyond = kDilated, .step = 128, .causal = true}}};
  for (const int64_t length : {1024, 2048, 4096, 8192}) {
    Print("full", FullPattern(), length, length > 4096 ? 1 : runs);
    for (const auto& [name, spec] : cases) Print(name, WindowPattern(spec), length, runs);
    const ScatteredBlocks scattered(length);
    Print("5 scattered blocks of 32", scattered.pattern(), length, runs);
  }
}

}  // namespace
}  // namespace earshot::bench

int main(int argc, char** argv) {
  earshot::bench::Run(std::max(3, argc > 1 ? std::atoi(argv[1]) : 5));
  return 0;
}
