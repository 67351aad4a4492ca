// The vocabulary of transcriptions, under the names that this family began with.
#ifndef EARSHOT_MODELS_WHISPER_TRANSCRIPTION_H_
#define EARSHOT_MODELS_WHISPER_TRANSCRIPTION_H_

#include "models/common/transcription.h"

namespace earshot::whisper {

using speech::AudioSource;
using speech::kDefaultMarginMs;
using speech::kDefaultTemperatures;
using speech::kSampleRateHz;
using speech::kSamplesPerMs;
using speech::kWholeWindowMarginMs;
using speech::Segment;
using speech::Sink;
using speech::Summary;
using speech::Task;
using speech::TranscribeOptions;
using speech::WindowPadding;

}  // namespace earshot::whisper

#endif  // EARSHOT_MODELS_WHISPER_TRANSCRIPTION_H_
