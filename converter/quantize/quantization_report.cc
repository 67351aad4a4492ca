// Formatting of the quantization report.
#include "converter/quantize/quantization_report.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace earshot::quantize {
namespace {

struct TypeTotals {
  size_t num_tensors = 0;
  uint64_t bytes = 0;
  double squared_error = 0.0;
  double squared_signal = 0.0;
  float max_error = 0.0f;

  // Over all tensors together; as QuantizationError::snr_db.
  double snr_db() const { return 10.0 * std::log10(squared_signal / squared_error); }
};

std::array<TypeTotals, kNumDTypes> SumByType(std::span<const TensorReport> tensors) {
  std::array<TypeTotals, kNumDTypes> totals{};
  for (const TensorReport& tensor : tensors) {
    TypeTotals& total = totals[static_cast<size_t>(tensor.dtype)];
    const double count = static_cast<double>(tensor.rows) * static_cast<double>(tensor.cols);
    ++total.num_tensors;
    total.bytes += tensor.bytes;
    total.squared_error += tensor.error.rms_error * tensor.error.rms_error * count;
    total.squared_signal += tensor.error.signal_rms * tensor.error.signal_rms * count;
    total.max_error = std::max(total.max_error, tensor.error.max_error);
  }
  return totals;
}

template <class... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  const int length = std::snprintf(nullptr, 0, format, arguments...);
  std::string text(static_cast<size_t>(std::max(length, 0)), '\0');
  std::snprintf(text.data(), text.size() + 1, format, arguments...);
  return text;
}

std::string FormatSnr(double snr_db) {
  return std::isfinite(snr_db) ? Format("%6.1f", snr_db) : std::string(" exact");
}

constexpr const char* kRowFormat = "%-*s %7s x %-6s %-5s %12" PRIu64 " %10.2e %10.2e %s%s%s\n";

std::string FormatTensor(const TensorReport& tensor, int name_width) {
  const bool has_note = tensor.note[0] != '\0';
  return Format(kRowFormat, name_width, tensor.name.c_str(), std::to_string(tensor.rows).c_str(),
                std::to_string(tensor.cols).c_str(), DTypeName(tensor.dtype), tensor.bytes,
                static_cast<double>(tensor.error.max_error), tensor.error.rms_error,
                FormatSnr(tensor.error.snr_db()).c_str(), has_note ? "  " : "", tensor.note);
}

}  // namespace

std::string FormatTensorTable(std::span<const TensorReport> tensors) {
  size_t name_width = 6;
  for (const TensorReport& tensor : tensors) name_width = std::max(name_width, tensor.name.size());
  std::string text = Format("%-*s %7s x %-6s %-5s %12s %10s %10s %6s\n", static_cast<int>(name_width),
                            "tensor", "rows", "cols", "type", "bytes", "max error", "rms error", "SNR dB");
  for (const TensorReport& tensor : tensors) text += FormatTensor(tensor, static_cast<int>(name_width));
  const auto totals = SumByType(tensors);
  for (size_t type = 0; type < totals.size(); ++type) {
    const TypeTotals& total = totals[type];
    if (total.num_tensors == 0) continue;
    text += Format("total %-5s %5zu tensors %14" PRIu64 " bytes, max error %.2e, SNR %s dB\n",
                   DTypeName(static_cast<DType>(type)), total.num_tensors, total.bytes,
                   static_cast<double>(total.max_error), FormatSnr(total.snr_db()).c_str());
  }
  return text;
}

std::string FormatTypeSummary(std::span<const TensorReport> tensors) {
  std::string text;
  const auto totals = SumByType(tensors);
  for (size_t type = 0; type < totals.size(); ++type) {
    if (totals[type].num_tensors == 0) continue;
    text += Format("%s%s %zu tensors %.1f MB", text.empty() ? "" : ", ", DTypeName(static_cast<DType>(type)),
                   totals[type].num_tensors, static_cast<double>(totals[type].bytes) * 1e-6);
  }
  return text;
}

}  // namespace earshot::quantize
