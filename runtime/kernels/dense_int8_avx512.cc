// Compiled for 64-bit x86 only: dense layers by AVX-512 VNNI. A lane sums up one output; its instruction
// multiplies bytes without a sign by bytes with one, so those of the rows are moved up by 128, and their zero
// point with them.
#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/core/x86_features.h"
#include "runtime/kernels/dense_int8.h"
#include "runtime/kernels/dense_int8_avx512-inl.h"

namespace earshot::kernels {
namespace {

constexpr int64_t kPanels = 4;
constexpr int64_t kRows = 6;  // 24 sums, 4 vectors of weights and one of inputs are in registers
constexpr int64_t kStepBytes = kX86Layout.panel * kX86Layout.step;
static_assert(kStepBytes == int64_t{sizeof(__m512i)});
// Weights of each panel are fetched so many bytes before they are multiplied: a few hundred nanoseconds.
constexpr int64_t kPrefetchBytes = 1024;

__attribute__((target("avx512f"), always_inline)) inline __m512i FourInputsAvx512(const int8_t* in) {
  int32_t word;
  std::memcpy(&word, in, sizeof(word));
  return _mm512_set1_epi32(static_cast<int32_t>(static_cast<uint32_t>(word) ^ 0x80808080u));
}

// kCount rows from `row` on by kWide panels from `first` on.
template <size_t kCount, size_t kWide>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void MultiplyBlockAvx512(const DenseInt8Job& job,
                                                                                int64_t row, int64_t first) {
  const size_t panel_bytes = DenseInt8PanelBytes(kX86Layout, job.in.cols);
  const int8_t* weights = ColumnsOfPanelAvx512(job, panel_bytes, first).panel.weights;
  const int8_t* in[kCount];
  __m512i sums[kCount][kWide];
#pragma GCC unroll 6
  for (size_t m = 0; m < kCount; ++m) {
    in[m] = job.in.Row(row + static_cast<int64_t>(m));
#pragma GCC unroll 4
    for (size_t n = 0; n < kWide; ++n) sums[m][n] = _mm512_setzero_si512();
  }
  for (int64_t step = DenseInt8Steps(kX86Layout, job.in.cols); step > 0; --step) {
    __m512i w[kWide];
#pragma GCC unroll 4
    for (size_t n = 0; n < kWide; ++n) {
      _mm_prefetch(weights + n * panel_bytes + kPrefetchBytes, _MM_HINT_T0);
      w[n] = _mm512_loadu_si512(weights + n * panel_bytes);
    }
    weights += kStepBytes;
#pragma GCC unroll 6
    for (size_t m = 0; m < kCount; ++m) {
      const __m512i a = FourInputsAvx512(in[m]);
      in[m] += kX86Layout.step;
#pragma GCC unroll 4
      for (size_t n = 0; n < kWide; ++n) sums[m][n] = _mm512_dpbusd_epi32(sums[m][n], a, w[n]);
    }
  }
#pragma GCC unroll 4
  for (size_t n = 0; n < kWide; ++n) {
    const PanelColumnsAvx512 columns =
        ColumnsOfPanelAvx512(job, panel_bytes, first + static_cast<int64_t>(n));
#pragma GCC unroll 6
    for (size_t m = 0; m < kCount; ++m) {
      const int64_t of_row = row + static_cast<int64_t>(m);
      StoreRowAvx512(job, columns, of_row, sums[m][n], job.quantization[of_row].zero_point + 128);
    }
  }
}

// Rows for which tiles of AMX are worth their while, full or not.
constexpr int64_t kFewRows = 3;

using Block = void (*)(const DenseInt8Job& job, int64_t row, int64_t first);

template <size_t kWide>
constexpr Block kBlocks[kRows] = {MultiplyBlockAvx512<1, kWide>, MultiplyBlockAvx512<2, kWide>,
                                  MultiplyBlockAvx512<3, kWide>, MultiplyBlockAvx512<4, kWide>,
                                  MultiplyBlockAvx512<5, kWide>, MultiplyBlockAvx512<6, kWide>};

// All rows, which read the panels again from the first-level cache.
void MultiplyColumns(const DenseInt8Job& job, const Block (&blocks)[kRows], int64_t first) {
  for (int64_t row = 0; row < job.out.rows; row += kRows) {
    const auto rows = static_cast<size_t>(std::min(kRows, job.out.rows - row));
    blocks[rows - 1](job, row, first);
  }
}

void MultiplyDenseInt8X86(const DenseInt8Job& job) {
  if (job.out.rows >= kFewRows && HasAmxInt8()) return MultiplyDenseInt8Amx(job);
  MultiplyDenseInt8Avx512(job);
}

}  // namespace

void MultiplyDenseInt8Avx512(const DenseInt8Job& job) {
  const int64_t panels = (job.out.cols + kX86Layout.panel - 1) / kX86Layout.panel;
  int64_t panel = 0;
  for (; panel + kPanels <= panels; panel += kPanels) MultiplyColumns(job, kBlocks<kPanels>, panel);
  for (; panel < panels; ++panel) MultiplyColumns(job, kBlocks<1>, panel);
}

DenseInt8Kernel DenseInt8KernelOfCpu(int64_t weight_bits) {
  if (!HasAvx512Vnni()) return {};
  if (weight_bits == 4) return {.layout = kX86Int4Layout, .multiply = &MultiplyDenseInt4Avx512};
  return {.layout = kX86Layout, .multiply = &MultiplyDenseInt8X86};
}

}  // namespace earshot::kernels
