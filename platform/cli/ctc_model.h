// CTC models as SpeechModels.
#ifndef EARSHOT_PLATFORM_CLI_CTC_MODEL_H_
#define EARSHOT_PLATFORM_CLI_CTC_MODEL_H_

#include <memory>

#include "platform/cli/speech_model.h"

namespace earshot::cli {

Result<std::unique_ptr<SpeechModel>> CreateCtcModel(const LoadedModel& model);
Result<MemoryRequirements> MeasureCtcModel(const Program& program, const SessionOptions& options);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_CTC_MODEL_H_
