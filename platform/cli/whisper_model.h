// Whisper as a SpeechModel.
#ifndef EARSHOT_PLATFORM_CLI_WHISPER_MODEL_H_
#define EARSHOT_PLATFORM_CLI_WHISPER_MODEL_H_

#include <memory>

#include "platform/cli/speech_model.h"

namespace earshot::cli {

Result<std::unique_ptr<SpeechModel>> CreateWhisperModel(const LoadedModel& model);
Result<MemoryRequirements> MeasureWhisperModel(const Program& program, const SessionOptions& options);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_WHISPER_MODEL_H_
