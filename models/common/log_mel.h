// Whisper's audio features: the log-mel spectrogram, computed for any range of frames without allocation.
#ifndef EARSHOT_MODELS_COMMON_LOG_MEL_H_
#define EARSHOT_MODELS_COMMON_LOG_MEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"

namespace earshot {

enum class LogMelStyle : uint8_t {
  kWhisper,  // periodic Hann window over the whole transform, log10(max(power, 1e-10))
  // Symmetric Hann window of 25 samples for each 32 of the transform (400 of 512) in its middle,
  // ln(power + 2^-24): NVIDIA's NeMo.
  kNatural,
};

struct LogMelConfig {
  int num_mels = 80;
  int fft_length = 400;  // even, and fft_length / 2 a product of 2, 3 and 5 only
  int hop_length = 160;
  // [num_mels, fft_length / 2 + 1] f32 row-major, weights on power (models/common/mel_filters.h). Borrowed:
  // must outlive the LogMel.
  std::span<const float> filters;
  LogMelStyle style = LogMelStyle::kWhisper;
};

// Audio at 16 kHz of which `samples` is the part at hand. The features see `padded_samples` samples: the
// clip, then zeros. transformers pads a clip with zeros to 30 s (480,000 samples) before taking its features;
// with padded_samples == clip_samples nothing is padded.
struct LogMelInput {
  std::span<const float> samples;
  int64_t begin = 0;           // index of samples[0] in the clip
  int64_t clip_samples = 0;    // length of the clip
  int64_t padded_samples = 0;  // >= clip_samples, > fft_length / 2
};

// log10(max(filters * |FFT(hann * frame)|^2, 1e-10)), the definition of Radford et al. 2022, section 2.2, as
// in torch.stft with center=True, pad_mode="reflect", periodic Hann window: frame t is centred at sample
// hop_length * t, and beyond the ends of the padded clip the samples are mirrored (the end sample is not
// repeated). Owns nothing, borrows its memory and the filters; never touches the heap. Threads: Compute uses
// scratch memory of the object, so use one LogMel per thread (they may share the filters and the input).
class LogMel {
 public:
  // Bytes that Create needs for this configuration. Every implementation limit is checked by Create.
  static size_t WorkspaceBytes(const LogMelConfig& config);

  // `memory`: aligned to kArenaAlignment, at least WorkspaceBytes, must outlive the LogMel.
  // kInvalidArgument: an impossible configuration, or misaligned memory. kOutOfMemory: too little memory.
  static Result<LogMel> Create(const LogMelConfig& config, std::span<std::byte> memory);

  // Frames of a clip as Whisper counts them: padded_samples / hop_length (the last frame of torch.stft is
  // dropped).
  int64_t NumFrames(int64_t padded_samples) const { return padded_samples / hop_length_; }

  // The half-open range of clip samples that frames [first_frame, first_frame + num_frames) depend on, cut to
  // the clip; empty (begin == end) where they see only padding. What LogMelInput::samples has to cover.
  struct SampleRange {
    int64_t begin;
    int64_t end;
  };
  SampleRange NeededSamples(const LogMelInput& input, int64_t first_frame, int64_t num_frames) const;

  // out: [num_frames, num_mels] f32, one row per frame (time-major), not yet normalized.
  // 0 <= first_frame, first_frame + num_frames <= padded_samples / hop_length + 1.
  // kInvalidArgument: frames out of range, samples that do not cover what is needed, wrong shape of `out`;
  // `out` is then untouched. Frames that see only padding cost next to nothing.
  Status Compute(const LogMelInput& input, int64_t first_frame, Matrix<float> out);

 private:
  struct Band {  // the nonzero part of a filter
    int32_t begin;
    int32_t end;
  };
  struct Buffers;
  LogMel() = default;
  static Status CheckConfig(const LogMelConfig& config);
  Status CheckInput(const LogMelInput& input, int64_t first_frame, const Matrix<float>& out) const;
  bool LoadFrame(const LogMelInput& input, int64_t frame);
  void TransformFrame(float* out);

  int num_mels_ = 0;
  int fft_length_ = 0;
  int hop_length_ = 0;
  const float* filters_ = nullptr;  // [num_mels, fft_length / 2 + 1]
  LogMelStyle style_ = LogMelStyle::kWhisper;
  void* fft_ = nullptr;        // kiss_fftr_cfg
  float* window_ = nullptr;    // [fft_length]
  float* frame_ = nullptr;     // [fft_length]
  float* spectrum_ = nullptr;  // [fft_length / 2 + 1] complex
  float* power_ = nullptr;     // [fft_length / 2 + 1]
  Band* bands_ = nullptr;      // [num_mels]
};

// The largest feature; the least float for an empty matrix.
float MaxFeature(Matrix<const float> features);

// In place (max(x, max - 8) + 4) / 4. `max` is the largest feature of the window (transformers, OpenAI: of
// the padded clip of 30 s; for longer recordings: of each window of 30 s).
void NormalizeFeatures(Matrix<float> features, float max);

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_LOG_MEL_H_
