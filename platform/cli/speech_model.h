// Speech models as the commands see them, whatever family they belong to.
#ifndef EARSHOT_PLATFORM_CLI_SPEECH_MODEL_H_
#define EARSHOT_PLATFORM_CLI_SPEECH_MODEL_H_

#include <cstdint>
#include <memory>
#include <span>

#include "models/common/transcription.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/recording.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"

namespace earshot::cli {

// What a family does not know of these it refuses in CheckOptions.
using speech::Segment;
using speech::Sink;
using speech::Summary;
using speech::Task;
using speech::TranscribeOptions;

// The steps of a model's inner loop one by one, for measurements. Threads: one call at a time.
class BenchTarget {
 public:
  virtual ~BenchTarget() = default;

  // A full window of audio of the kind the encoder takes.
  virtual double window_s() const = 0;
  // The encoder alone, over a full window of noise.
  virtual Status Encode() = 0;
  // Features and encoder, over the first window of the audio (16 kHz, mono).
  virtual Status EncodeAudio(std::span<const float> audio) = 0;

  virtual int64_t prompt_tokens() const = 0;
  virtual int64_t max_tokens() const = 0;  // prompt included; 0 of a model without a decoder
  // Runs the prompt at once; afterwards Step(prompt_tokens()), Step(prompt_tokens() + 1), ... run one token
  // each.
  virtual Status Prefill() = 0;
  virtual Status Step(int64_t position) = 0;
};

// kInvalidArgument where the options want beams or several windows at once, for families without.
Status CheckNothingSideBySide(const TranscribeOptions& options);

// Owns its session and the memory of it; borrows the loaded model. Threads: one call at a time.
class SpeechModel {
 public:
  virtual ~SpeechModel() = default;

  // Whether this model can do what is asked, before any recording is opened. kInvalidArgument says what it
  // can do.
  virtual Status CheckOptions(const TranscribeOptions& options) const = 0;

  // Errors: those of the family's session; kCancelled after sink.should_stop, with everything decoded handed
  // over.
  virtual Status Transcribe(Recording& recording, const TranscribeOptions& options, const Sink& sink,
                            Summary& summary) = 0;

  // True if English is all it knows.
  virtual bool english_only() const = 0;

  // Borrows this model. nullptr where a family has no such steps.
  virtual std::unique_ptr<BenchTarget> MakeBenchTarget() = 0;

  // Bytes really taken, by class.
  virtual MemoryRequirements used() const = 0;
};

// Has sessions of the model make room for what the options want. Before CreateSpeechModel.
void MakeRoomFor(const TranscribeOptions& options, LoadedModel& model);

// Takes the memory, packs the weights. Errors: kUnsupported where the file holds no speech model that this
// program knows; otherwise those of the family's session; all with the path.
Result<std::unique_ptr<SpeechModel>> CreateSpeechModel(const LoadedModel& model);

// What CreateSpeechModel takes; for a model of another family what an engine session takes.
Result<MemoryRequirements> MeasureModel(const LoadedModel& model);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_SPEECH_MODEL_H_
