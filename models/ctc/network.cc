// Sets the length and runs.
#include "models/ctc/network.h"

namespace earshot::ctc {

Result<EngineNetwork> EngineNetwork::Create(Session& session, const Dimensions& dimensions) {
  EARSHOT_ASSIGN_OR_RETURN(const loops::MethodRun forward, loops::MethodRun::Bind(session, "forward"));
  EngineNetwork network(dimensions, forward);
  EARSHOT_RETURN_IF_ERROR(network.CheckShapes(dimensions));
  return network;
}

// At the greatest length; others follow from the symbol.
Status EngineNetwork::CheckShapes(const Dimensions& dimensions) {
  const int64_t cols = is_log_mel_ ? dimensions.log_mel.num_mels : 1;
  const int64_t rows =
      is_log_mel_ ? dimensions.max_samples / dimensions.log_mel.hop_length : dimensions.max_samples;
  forward_.Set(is_log_mel_ ? "frames" : "samples", rows);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView input, forward_.View(input_name()));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, forward_.View("logits"));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView labels, forward_.View("argmax"));
  if (input.dtype == DType::kF32 && input.rows == rows && input.cols == cols && input.stride == cols &&
      logits.dtype == DType::kF32 && logits.cols == dimensions.vocab_size &&
      logits.rows <= dimensions.max_frames && labels.dtype == DType::kI32 && labels.rows == logits.rows)
    return Status::Ok();
  return Status::Error(
      StatusCode::kInvalidModel,
      "the method \"forward\" takes %s [%lld, %lld] and gives logits [%lld, %lld], which does "
      "not fit %lld rows and a vocabulary of %lld: convert the model again",
      input_name(), static_cast<long long>(input.rows), static_cast<long long>(input.cols),
      static_cast<long long>(logits.rows), static_cast<long long>(logits.cols), static_cast<long long>(rows),
      static_cast<long long>(dimensions.vocab_size));
}

Result<Matrix<float>> EngineNetwork::Input(int64_t rows) {
  forward_.Set(is_log_mel_ ? "frames" : "samples", rows);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView input, forward_.View(input_name()));
  return input.As<float>();
}

Result<Network::Output> EngineNetwork::Run(int64_t rows) {
  forward_.Set(is_log_mel_ ? "frames" : "samples", rows);
  EARSHOT_RETURN_IF_ERROR(forward_.Execute());
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, forward_.View("logits"));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView labels, forward_.View("argmax"));
  return Output{.logits = logits.As<const float>(), .labels = labels.As<const int32_t>()};
}

}  // namespace earshot::ctc
