// LogMel: KissFFT's real transform in caller memory, sparse mel filters.
#include "models/common/log_mel.h"

#include <kissfft/kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "runtime/memory/arena.h"

namespace earshot {
namespace {

constexpr float kPowerFloor = 1e-10f;
constexpr float kLogPowerFloor = -10.0f;
constexpr int kMaxFftLength = 1 << 15;
constexpr int kMaxMels = 1024;

size_t NumBins(int fft_length) { return static_cast<size_t>(fft_length) / 2 + 1; }

// KissFFT calls malloc during a transform for any other prime factor.
bool HasOnlySmallFactors(int length) {
  for (const int factor : {2, 3, 5}) {
    while (length % factor == 0) length /= factor;
  }
  return length == 1;
}

void FillWindow(const LogMelConfig& config, float* window) {
  const bool is_natural = config.style == LogMelStyle::kNatural;
  const int length = is_natural ? config.fft_length * 25 / 32 : config.fft_length;
  const int begin = (config.fft_length - length) / 2, period = is_natural ? length - 1 : length;
  std::fill_n(window, config.fft_length, 0.0f);
  for (int i = 0; i < length; ++i)
    window[begin + i] = static_cast<float>(0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * i / period));
}

float LogPower(LogMelStyle style, float power) {
  if (style == LogMelStyle::kNatural) return std::log(power + 0x1p-24f);
  return power > kPowerFloor ? std::log10(power) : kLogPowerFloor;  // also for NaN
}

// Index of the sample that stands at position `index` of [0, length) continued by mirroring; one reflection
// suffices.
int64_t Reflect(int64_t index, int64_t length) {
  if (index < 0) return -index;
  return index < length ? index : 2 * (length - 1) - index;
}

}  // namespace

// What lies in the caller's memory; without memory it only counts.
struct LogMel::Buffers {
  Buffers(const LogMelConfig& config, Arena& arena) {
    const size_t fft_length = static_cast<size_t>(config.fft_length);
    kiss_fftr_alloc(config.fft_length, 0, nullptr, &fft_bytes);
    fft = arena.Allocate(fft_bytes);
    window = arena.AllocateArray<float>(fft_length);
    frame = arena.AllocateArray<float>(fft_length);
    spectrum = arena.AllocateArray<float>(2 * NumBins(config.fft_length));
    power = arena.AllocateArray<float>(NumBins(config.fft_length));
    bands = arena.AllocateArray<Band>(static_cast<size_t>(config.num_mels));
  }

  size_t fft_bytes = 0;
  void* fft;
  float* window;
  float* frame;
  float* spectrum;
  float* power;
  Band* bands;
};

Status LogMel::CheckConfig(const LogMelConfig& config) {
  const bool valid = config.num_mels >= 1 && config.num_mels <= kMaxMels && config.fft_length >= 4 &&
                     config.fft_length <= kMaxFftLength && config.fft_length % 2 == 0 &&
                     HasOnlySmallFactors(config.fft_length / 2) && config.hop_length >= 1;
  if (!valid) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "log-mel: %d mels, FFT length %d, hop %d is not supported (1 to %d mels; an even FFT length of "
        "4 to %d whose half has no prime factor but 2, 3 and 5; a hop of at least 1)",
        config.num_mels, config.fft_length, config.hop_length, kMaxMels, kMaxFftLength);
  }
  const size_t expected = static_cast<size_t>(config.num_mels) * NumBins(config.fft_length);
  if (config.filters.size() != expected) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "log-mel: %zu filter weights were given, [%d, %zu] needs %zu", config.filters.size(),
                         config.num_mels, NumBins(config.fft_length), expected);
  }
  return Status::Ok();
}

size_t LogMel::WorkspaceBytes(const LogMelConfig& config) {
  if (!CheckConfig(config).ok()) return 0;  // Create says what is wrong
  Arena arena;
  Buffers measured(config, arena);
  return arena.required_bytes();
}

Result<LogMel> LogMel::Create(const LogMelConfig& config, std::span<std::byte> memory) {
  EARSHOT_RETURN_IF_ERROR(CheckConfig(config));
  if (reinterpret_cast<uintptr_t>(memory.data()) % kArenaAlignment != 0) {
    return Status::Error(StatusCode::kInvalidArgument, "log-mel: the memory is not aligned to %zu bytes",
                         kArenaAlignment);
  }
  Arena arena(memory);
  Buffers buffers(config, arena);
  if (arena.required_bytes() > memory.size()) {
    return Status::Error(StatusCode::kOutOfMemory, "log-mel: %zu bytes given, %zu needed", memory.size(),
                         arena.required_bytes());
  }
  LogMel log_mel;
  log_mel.num_mels_ = config.num_mels;
  log_mel.fft_length_ = config.fft_length;
  log_mel.hop_length_ = config.hop_length;
  log_mel.filters_ = config.filters.data();
  log_mel.style_ = config.style;
  log_mel.fft_ = kiss_fftr_alloc(config.fft_length, 0, buffers.fft, &buffers.fft_bytes);
  log_mel.window_ = buffers.window;
  log_mel.frame_ = buffers.frame;
  log_mel.spectrum_ = buffers.spectrum;
  log_mel.power_ = buffers.power;
  log_mel.bands_ = buffers.bands;
  FillWindow(config, buffers.window);
  const size_t num_bins = NumBins(config.fft_length);
  for (size_t mel = 0; mel < static_cast<size_t>(config.num_mels); ++mel) {
    const std::span<const float> filter = config.filters.subspan(mel * num_bins, num_bins);
    size_t end = num_bins;
    while (end > 0 && filter[end - 1] == 0.0f) --end;
    size_t begin = 0;
    while (begin < end && filter[begin] == 0.0f) ++begin;
    buffers.bands[mel] = {.begin = static_cast<int32_t>(begin), .end = static_cast<int32_t>(end)};
  }
  return log_mel;
}

LogMel::SampleRange LogMel::NeededSamples(const LogMelInput& input, int64_t first_frame,
                                          int64_t num_frames) const {
  if (num_frames <= 0) return {.begin = 0, .end = 0};
  const int64_t half = fft_length_ / 2;
  int64_t begin = first_frame * hop_length_ - half;
  int64_t end = (first_frame + num_frames - 1) * hop_length_ + half;
  // What hangs over an end of the padded clip comes from its mirror image inside.
  if (begin < 0) end = std::max(end, 1 - begin);
  if (end > input.padded_samples) begin = std::min(begin, Reflect(end - 1, input.padded_samples));
  begin = std::clamp<int64_t>(begin, 0, input.clip_samples);
  end = std::clamp<int64_t>(end, begin, input.clip_samples);
  return {.begin = begin, .end = end};
}

Status LogMel::CheckInput(const LogMelInput& input, int64_t first_frame, const Matrix<float>& out) const {
  constexpr int64_t kMaxSamples = int64_t{1} << 56;  // far from overflow; 140,000 years
  if (input.clip_samples < 0 || input.padded_samples < input.clip_samples ||
      input.padded_samples > kMaxSamples || input.padded_samples <= fft_length_ / 2) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "log-mel: a clip of %lld samples padded to %lld: the padded length must be at least the clip's "
        "and more than %d",
        static_cast<long long>(input.clip_samples), static_cast<long long>(input.padded_samples),
        fft_length_ / 2);
  }
  const int64_t num_frames = input.padded_samples / hop_length_ + 1;
  if (first_frame < 0 || out.rows < 0 || first_frame > num_frames || out.rows > num_frames - first_frame) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "log-mel: %lld frames from %lld on asked for, the clip has %lld",
                         static_cast<long long>(out.rows), static_cast<long long>(first_frame),
                         static_cast<long long>(num_frames));
  }
  if (out.cols != num_mels_ || out.stride < out.cols || (out.rows > 0 && out.data == nullptr)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "log-mel: the output has %lld columns (stride %lld), %d mels need as many",
                         static_cast<long long>(out.cols), static_cast<long long>(out.stride), num_mels_);
  }
  const SampleRange needed = NeededSamples(input, first_frame, out.rows);
  const int64_t given = static_cast<int64_t>(input.samples.size());
  if (needed.begin < needed.end &&
      (input.begin > needed.begin || input.begin < 0 || given < needed.end - input.begin)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "log-mel: samples %lld to %lld are needed, %lld samples from %lld on were given",
                         static_cast<long long>(needed.begin), static_cast<long long>(needed.end),
                         static_cast<long long>(given), static_cast<long long>(input.begin));
  }
  return Status::Ok();
}

// Fills frame_ with the windowed samples; false if all of them are padding.
bool LogMel::LoadFrame(const LogMelInput& input, int64_t frame) {
  const int64_t begin = frame * hop_length_ - fft_length_ / 2;
  const int64_t end = begin + fft_length_;
  const SampleRange needed = NeededSamples(input, frame, 1);
  if (needed.begin == needed.end) return false;
  if (begin >= 0 && end <= input.clip_samples) {
    const float* samples = input.samples.data() + (begin - input.begin);
    for (int i = 0; i < fft_length_; ++i) frame_[i] = samples[i] * window_[i];
    return true;
  }
  for (int i = 0; i < fft_length_; ++i) {
    const int64_t index = Reflect(begin + i, input.padded_samples);
    frame_[i] = index < input.clip_samples
                    ? input.samples[static_cast<size_t>(index - input.begin)] * window_[i]
                    : 0.0f;
  }
  return true;
}

void LogMel::TransformFrame(float* out) {
  // kiss_fft_cpx is a struct of two floats.
  kiss_fftr(static_cast<kiss_fftr_cfg>(fft_), frame_, reinterpret_cast<kiss_fft_cpx*>(spectrum_));
  const size_t num_bins = NumBins(fft_length_);
  for (size_t bin = 0; bin < num_bins; ++bin) {
    const float re = spectrum_[2 * bin];
    const float im = spectrum_[2 * bin + 1];
    power_[bin] = re * re + im * im;
  }
  for (int mel = 0; mel < num_mels_; ++mel) {
    const float* filter = filters_ + static_cast<size_t>(mel) * num_bins;
    float sum = 0.0f;
    for (int32_t bin = bands_[mel].begin; bin < bands_[mel].end; ++bin) sum += filter[bin] * power_[bin];
    out[mel] = LogPower(style_, sum);
  }
}

Status LogMel::Compute(const LogMelInput& input, int64_t first_frame, Matrix<float> out) {
  EARSHOT_RETURN_IF_ERROR(CheckInput(input, first_frame, out));
  for (int64_t row = 0; row < out.rows; ++row) {
    if (LoadFrame(input, first_frame + row)) {
      TransformFrame(out.Row(row));
    } else {
      std::fill_n(out.Row(row), num_mels_, LogPower(style_, 0.0f));
    }
  }
  return Status::Ok();
}

float MaxFeature(Matrix<const float> features) {
  float max = std::numeric_limits<float>::lowest();
  for (int64_t row = 0; row < features.rows; ++row) {
    for (int64_t col = 0; col < features.cols; ++col) max = std::max(max, features.Row(row)[col]);
  }
  return max;
}

void NormalizeFeatures(Matrix<float> features, float max) {
  const float floor = max - 8.0f;
  for (int64_t row = 0; row < features.rows; ++row) {
    float* values = features.Row(row);
    for (int64_t col = 0; col < features.cols; ++col)
      values[col] = (std::max(values[col], floor) + 4.0f) / 4.0f;
  }
}

}  // namespace earshot
