// Moonshine as a SpeechModel.
#ifndef EARSHOT_PLATFORM_CLI_MOONSHINE_MODEL_H_
#define EARSHOT_PLATFORM_CLI_MOONSHINE_MODEL_H_

#include <memory>

#include "platform/cli/speech_model.h"

namespace earshot::cli {

Result<std::unique_ptr<SpeechModel>> CreateMoonshineModel(const LoadedModel& model);
Result<MemoryRequirements> MeasureMoonshineModel(const Program& program, const SessionOptions& options);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MOONSHINE_MODEL_H_
