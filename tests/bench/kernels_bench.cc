// Speed of the kernels: attention against the FMA peak of the machine, decoding attention against memory, and
// the row-wise kernels. Usage: kernels_bench [runs]. Prints the median and the spread of the runs (least 12).
// Peak and kernel are measured in turn, so that both meet the same clock. One thread is measured in CPU time,
// so that other programs disturb less; two in time passed.
#include <pthreadpool.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#define HWY_WANT_AVX3_DL
#include "runtime/attention/attention.h"
#include "runtime/attention/attention_int8.h"
#include "runtime/attention/patterns/window_pattern.h"
#include "runtime/kernels/kernels.h"
#include "runtime/kernels/peak.h"
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/kernels_bench.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace earshot::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// As kernels::MultiplyAddsF32, in bytes: four products and sums to a 32-bit lane, in ten independent chains.
// Returns the number of operations.
double QuadProducts(int64_t rounds, float* result) {
  constexpr size_t kChains = 10;
  const hn::ScalableTag<int32_t> d;
  const hn::Repartition<uint8_t, decltype(d)> du8;
  const hn::Repartition<int8_t, decltype(d)> di8;
  const auto a = hn::Iota(du8, 1);
  const auto b = hn::Iota(di8, 2);
  hn::Vec<decltype(d)> sum[kChains];
  for (size_t i = 0; i < kChains; ++i) sum[i] = hn::Set(d, static_cast<int32_t>(i));
  for (int64_t round = 0; round < rounds; ++round) {
    HWY_UNROLL(10)
    for (size_t i = 0; i < kChains; ++i) sum[i] = hn::SumOfMulQuadAccumulate(d, a, b, sum[i]);
  }
  for (size_t i = 1; i < kChains; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  *result = static_cast<float>(hn::ReduceSum(d, sum[0]));
  return 8.0 * kChains * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace HWY_NAMESPACE
}  // namespace earshot::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace earshot::bench {

HWY_EXPORT(QuadProducts);

namespace {

volatile float g_sink;  // results go here, so that no work is optimized away

double Now(size_t num_threads) {
  timespec now;
  clock_gettime(num_threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Seconds(size_t num_threads, const std::function<void()>& work) {
  const double start = Now(num_threads);
  work();
  return Now(num_threads) - start;
}

struct Spread {
  explicit Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    min = values.front();
    max = values.back();
    median = (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2.0;
  }
  double min, median, max;
};

// Rate of every run, in `amount` per second. The first run warms caches and is not counted.
Spread Rates(int runs, size_t num_threads, double amount, const std::function<void()>& work) {
  std::vector<double> rates;
  work();
  for (int i = 0; i < runs; ++i) rates.push_back(amount / Seconds(num_threads, work));
  return Spread(rates);
}

using Pool = std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)>;

enum class Arithmetic { kFloat, kInt8 };

// Multiplications and additions per second, times 1e-9.
double PeakGops(Arithmetic arithmetic, const ThreadPool& pool) {
  constexpr int64_t kRounds = 300000;
  std::vector<double> ops(pool.num_threads());
  const double seconds = Seconds(pool.num_threads(), [&] {
    pool.ParallelFor(pool.num_threads(), [&](size_t task, size_t) {
      float result;
      ops[task] = arithmetic == Arithmetic::kInt8
                      ? HWY_DYNAMIC_DISPATCH(QuadProducts)(kRounds, &result)
                      : 2.0 * static_cast<double>(kernels::MultiplyAddsF32(kRounds, &result));
      g_sink = result;
    });
  });
  double total = 0.0;
  for (const double share : ops) total += share;
  return total / seconds * 1e-9;
}

template <class T>
struct AttentionRun {
  AttentionRun(const AttentionShape& shape, Arithmetic of_products, const ThreadPool& thread_pool,
               const AttentionPattern* pattern = nullptr)
      : width(shape.num_heads * shape.head_dim),
        arithmetic(of_products),
        q(static_cast<size_t>(shape.max_queries * width), 0.1f),
        out(q.size()),
        k(static_cast<size_t>(shape.max_keys * width)),
        v(k.size()),
        pool(thread_pool) {
    for (size_t i = 0; i < q.size(); ++i) q[i] = std::sin(static_cast<float>(i));
    for (size_t i = 0; i < k.size(); ++i) Set(std::sin(0.3f * static_cast<float>(i)), &k[i]);
    for (size_t i = 0; i < v.size(); ++i) Set(std::sin(0.7f * static_cast<float>(i)), &v[i]);
    params = {.shape = shape, .scale = 0.125f, .pattern = pattern};
    operands = {.q = {q.data(), shape.max_queries, width, width},
                .k = {k.data(), shape.max_keys, width, width},
                .v = {v.data(), shape.max_keys, width, width},
                .out = {out.data(), shape.max_queries, width, width}};
    workspace_bytes = arithmetic == Arithmetic::kInt8 ? Int8AttentionWorkspaceBytes(shape, pool.num_threads())
                                                      : AttentionWorkspaceBytes(shape, pool.num_threads());
    workspace.reset(static_cast<std::byte*>(std::aligned_alloc(64, workspace_bytes)));
  }
  static void Set(float x, float* to) { *to = x; }
  static void Set(float x, Float16* to) { *to = ToFloat16(x); }

  void operator()() const {
    if (arithmetic == Arithmetic::kInt8) {
      AttendInt8(params, operands, {workspace.get(), workspace_bytes}, pool);
    } else {
      Attend(params, operands, {workspace.get(), workspace_bytes}, pool);
    }
    g_sink = out[0];
  }

  int64_t width;
  Arithmetic arithmetic;
  std::vector<float> q, out;
  std::vector<T> k, v;
  ThreadPool pool;
  AttentionParams params;
  AttentionOperands<T> operands;
  size_t workspace_bytes;
  std::unique_ptr<std::byte, decltype(&std::free)> workspace = {nullptr, &std::free};
};

// Pairs of a query and a key that the pattern selects, over all pairs.
double SelectedShare(const AttentionPattern& pattern, int64_t length) {
  int64_t pairs = 0;
  for (int64_t query = 0; query < length; ++query) {
    const QueryBlock row = {0, query, query + 1, length, length};
    for (int64_t i = 0; i < pattern.NumRanges(row); ++i) {
      const KeyRange range = pattern.Range(row, i);
      pairs += std::max<int64_t>(0, (range.end - range.begin + range.step - 1) / range.step);
    }
  }
  return static_cast<double>(pairs) / static_cast<double>(length * length);
}

template <class T>
void BenchEncoder(const char* name, int runs, const AttentionShape& shape, Arithmetic arithmetic,
                  const ThreadPool& pool) {
  const AttentionRun<T> attention(shape, arithmetic, pool);
  const double gops =
      4e-9 * static_cast<double>(shape.max_queries * shape.max_keys * shape.num_heads * shape.head_dim);
  attention();
  std::vector<double> rates, shares;
  for (int i = 0; i < runs; ++i) {
    const double before = PeakGops(arithmetic, pool);
    const double rate = gops / Seconds(pool.num_threads(), [&] { attention(); });
    rates.push_back(rate);
    shares.push_back(rate / ((before + PeakGops(arithmetic, pool)) / 2.0));
  }
  const Spread rate(rates), share(shares);
  std::printf("%-34s %zu threads  %7.2f ms  %6.1f Gop/s (%.1f..%.1f)  %3.0f %% of peak (%.0f..%.0f)\n", name,
              pool.num_threads(), 1e3 * gops / rate.median, rate.median, rate.min, rate.max,
              100.0 * share.median, 100.0 * share.min, 100.0 * share.max);
}

// The encoder's attention with the same pattern in all heads, in turn with full attention.
void BenchPatterns(int runs, AttentionShape shape, Arithmetic arithmetic, const ThreadPool& pool) {
  const struct {
    const char* name;
    WindowSpec spec;
  } cases[] = {{"local:64", {.left = 64, .right = 64}},
               {"local:64+strided:16", {.left = 64, .right = 64, .beyond = KeysBeyond::kStrided, .step = 16}},
               {"local:64+pooled:16", {.left = 64, .right = 64, .beyond = KeysBeyond::kPooled, .step = 16}},
               {"local:16", {.left = 16, .right = 16}},
               {"local:16+pooled:8", {.left = 16, .right = 16, .beyond = KeysBeyond::kPooled, .step = 8}}};
  const AttentionRun<float> full(shape, arithmetic, pool);
  for (const auto& [name, spec] : cases) {
    const WindowPattern pattern(spec);
    shape.min_pool_length = pattern.PoolLength(0);
    const AttentionRun<float> selected(shape, arithmetic, pool, &pattern);
    std::vector<double> shares, milliseconds;
    selected();
    for (int i = 0; i < runs; ++i) {
      const double before = Seconds(pool.num_threads(), [&] { full(); });
      const double seconds = Seconds(pool.num_threads(), [&] { selected(); });
      milliseconds.push_back(1e3 * seconds);
      shares.push_back(100.0 * seconds / before);
    }
    const Spread time(milliseconds), share(shares);
    std::printf("  %-22s %-5s %zu threads  %7.2f ms  %5.1f %% of full (%.1f..%.1f); %.1f %% of the keys\n",
                name, arithmetic == Arithmetic::kInt8 ? "int8" : "f32", pool.num_threads(), time.median,
                share.median, share.min, share.max, 100.0 * SelectedShare(pattern, shape.max_keys));
  }
}

template <class T>
void BenchDecoder(const char* name, int runs, int64_t num_queries, const ThreadPool& pool) {
  constexpr int64_t kKeys = 1500, kHeads = 6, kDim = 64;
  constexpr int kRepeats = 20;
  const AttentionRun<T> attention({kHeads, kHeads, kDim, num_queries, kKeys}, Arithmetic::kFloat, pool);
  const double gbytes = 2e-9 * kKeys * kHeads * kDim * sizeof(T) * kRepeats;
  const Spread rate = Rates(runs, pool.num_threads(), gbytes, [&] {
    for (int i = 0; i < kRepeats; ++i) attention();
  });
  std::printf("%-30s Tq %lld %zu threads  %7.1f us  %6.1f GB/s (%.1f..%.1f)\n", name,
              static_cast<long long>(num_queries), pool.num_threads(), 1e6 * gbytes / kRepeats / rate.median,
              rate.median, rate.min, rate.max);
}

void PrintPerElement(const char* name, const Spread& rate) {
  std::printf("%-34s %7.3f ns/element (%.3f..%.3f)\n", name, 1e9 / rate.median, 1e9 / rate.max,
              1e9 / rate.min);
}

void BenchRows(int runs) {
  constexpr int64_t kRows = 150,
                    kCols =
                        384;  // 230 kB: what one thread's part of a layer leaves in its second-level cache
  std::vector<float> in(kRows * kCols), out(in.size()), gamma(kCols, 1.0f), beta(kCols, 0.5f);
  std::vector<Float16> half(in.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = 3.0f * std::sin(static_cast<float>(i));
  const Matrix<const float> from = {in.data(), kRows, kCols, kCols};
  const Matrix<float> to = {out.data(), kRows, kCols, kCols};
  const double elements = static_cast<double>(in.size());
  PrintPerElement("layer norm", Rates(runs, 1, elements, [&] {
                    kernels::LayerNorm({gamma.data(), beta.data(), 1e-5f}, from, to);
                  }));
  const struct {
    const char* name;
    kernels::Activation activation;
  } activations[] = {{"gelu", kernels::Activation::kGelu},
                     {"gelu, tanh form", kernels::Activation::kGeluTanh},
                     {"silu", kernels::Activation::kSilu},
                     {"tanh", kernels::Activation::kTanh}};
  for (const auto& [name, activation] : activations) {
    PrintPerElement(name, Rates(runs, 1, elements, [&] { kernels::Activate(activation, from, to); }));
  }
  PrintPerElement("add", Rates(runs, 1, elements, [&] { kernels::Add(from, from, to); }));
  PrintPerElement("f32 to f16", Rates(runs, 1, elements, [&] {
                    kernels::ConvertToF16(from, {half.data(), kRows, kCols, kCols});
                  }));
  PrintPerElement("max", Rates(runs, 1, elements, [&] { g_sink = kernels::Max(in).value; }));
  PrintPerElement("log-sum-exp", Rates(runs, 1, elements, [&] { g_sink = kernels::LogSumExp(in); }));
}

void Run(int runs) {
  for (const size_t num_threads : {size_t{1}, size_t{2}}) {
    const Pool native(pthreadpool_create(num_threads), &pthreadpool_destroy);
    const ThreadPool pool(native.get());
    constexpr AttentionShape kWhisper = {6, 6, 64, 1500, 1500}, kMoonshine = {8, 8, 36, 1500, 1500};
    BenchEncoder<float>("attention 1500x1500, 6 x 64, f32", runs, kWhisper, Arithmetic::kFloat, pool);
    BenchEncoder<Float16>("attention 1500x1500, 6 x 64, f16", runs, kWhisper, Arithmetic::kFloat, pool);
    BenchEncoder<float>("attention 1500x1500, 6 x 64, int8", runs, kWhisper, Arithmetic::kInt8, pool);
    BenchPatterns(runs, kWhisper, Arithmetic::kInt8, pool);
    BenchPatterns(runs, kWhisper, Arithmetic::kFloat, pool);
    BenchEncoder<float>("attention 1500x1500, 8 x 36, f32", runs, kMoonshine, Arithmetic::kFloat, pool);
    BenchEncoder<float>("attention 1500x1500, 8 x 36, int8", runs, kMoonshine, Arithmetic::kInt8, pool);
    for (const int64_t num_queries : {1, 4, 8, 16}) {
      BenchDecoder<float>("decode, 1500 keys, 6 x 64, f32", runs, num_queries, pool);
      BenchDecoder<Float16>("decode, 1500 keys, 6 x 64, f16", runs, num_queries, pool);
    }
  }
  BenchRows(runs);
}

}  // namespace
}  // namespace earshot::bench

// EARSHOT_SIMD=AVX2 (or SSE4, ...) measures a lesser target than the best.
int main(int argc, char** argv) {
  const char* wanted = std::getenv("EARSHOT_SIMD");
  const int64_t supported = hwy::SupportedTargets();
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    // Bits of better targets are lower. The lesser ones stay for files that are not compiled for this one.
    if (wanted != nullptr && std::string(wanted) == hwy::TargetName(target))
      hwy::SetSupportedTargetsForTest(supported & -target);
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  std::printf("SIMD target %s\n", earshot::kernels::SimdTargetName());
  earshot::bench::Run(std::max(12, argc > 1 ? std::atoi(argv[1]) : 12));
  return 0;
}
#endif  // HWY_ONCE
