// What the transcription needs of the neural network, so that it can be tested without one; and the network
// as the engine runs it: the method `forward` of a model file.
#ifndef EARSHOT_MODELS_CTC_NETWORK_H_
#define EARSHOT_MODELS_CTC_NETWORK_H_

#include <cstdint>

#include "models/ctc/dimensions.h"
#include "models/loops/method_run.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"

namespace earshot::ctc {

// Threads: one call at a time.
class Network {
 public:
  // Where to write the input of so many rows (samples [N, 1], or frames of features [N, mels]) before Run.
  virtual Result<Matrix<float>> Input(int64_t rows) = 0;

  // Scores of the labels for each frame, of the input of so many rows; the memory is the same for every call.
  struct Output {
    Matrix<const float> logits;    // [frames, V]
    Matrix<const int32_t> labels;  // [frames, 1], the best of each
  };
  virtual Result<Output> Run(int64_t rows) = 0;

 protected:
  ~Network() = default;
};

// Borrows the session, which must stay where it is. Never allocates.
class EngineNetwork final : public Network {
 public:
  // kInvalidModel names a method or value that is missing or has another shape than the dimensions say.
  static Result<EngineNetwork> Create(Session& session, const Dimensions& dimensions);

  Result<Matrix<float>> Input(int64_t rows) override;
  Result<Output> Run(int64_t rows) override;

 private:
  EngineNetwork(const Dimensions& dimensions, const loops::MethodRun& forward)
      : is_log_mel_(dimensions.hearing == Hearing::kLogMel), forward_(forward) {}
  Status CheckShapes(const Dimensions& dimensions);
  const char* input_name() const { return is_log_mel_ ? "features" : "input_values"; }

  bool is_log_mel_;
  loops::MethodRun forward_;
};

}  // namespace earshot::ctc

#endif  // EARSHOT_MODELS_CTC_NETWORK_H_
