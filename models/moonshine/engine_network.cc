// Sets symbols and runs.
#include "models/moonshine/engine_network.h"

#include <algorithm>
#include <cstring>

namespace earshot::moonshine {
namespace {

Status CheckShape(const char* name, const MatrixView& view, DType dtype, int64_t rows, int64_t cols) {
  if (view.dtype == dtype && view.rows == rows && view.cols == cols && view.stride == cols)
    return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel,
                       "\"%s\" is %s [%lld, %lld], expected %s [%lld, %lld]: convert the model again", name,
                       DTypeName(view.dtype), static_cast<long long>(view.rows),
                       static_cast<long long>(view.cols), DTypeName(dtype), static_cast<long long>(rows),
                       static_cast<long long>(cols));
}

}  // namespace

Result<EngineNetwork> EngineNetwork::Create(Session& session, const Dimensions& dimensions) {
  EARSHOT_ASSIGN_OR_RETURN(const loops::MethodRun encode, loops::MethodRun::Bind(session, "encode"));
  EARSHOT_ASSIGN_OR_RETURN(const loops::MethodRun decode, loops::MethodRun::Bind(session, "decode"));
  EngineNetwork network(dimensions, encode, decode);
  if (dimensions.frame_samples > 1) {
    EARSHOT_ASSIGN_OR_RETURN(network.embed_, loops::MethodRun::Bind(session, "embed"));
  }
  EARSHOT_RETURN_IF_ERROR(network.CheckShapes());
  return network;
}

// At lengths of one step; others follow from the symbols.
Status EngineNetwork::CheckShapes() {
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView audio, hearing().View("input_values"));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, decode_.View("decoder_input_ids"));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, decode_.View("logits"));
  EARSHOT_RETURN_IF_ERROR(CheckShape("input_values", audio, DType::kF32,
                                     dimensions_.min_samples / dimensions_.frame_samples,
                                     dimensions_.frame_samples));
  EARSHOT_RETURN_IF_ERROR(CheckShape("decoder_input_ids", ids, DType::kI32, 1, 1));
  return CheckShape("logits", logits, DType::kF32, 1, dimensions_.vocab_size);
}

Result<std::span<float>> EngineNetwork::AudioInput() {
  SetSamples(dimensions_.max_samples);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView audio, hearing().View("input_values"));
  return std::span<float>(audio.As<float>().data, static_cast<size_t>(dimensions_.max_samples));
}

// Of streams a last frame that is not whole is not heard.
void EngineNetwork::SetSamples(int64_t samples) {
  hearing().Set(embed_ ? "frames" : "samples", samples / dimensions_.frame_samples);
}

// Runs `embed` and hands its result to `encode`.
Status EngineNetwork::Embed() {
  EARSHOT_RETURN_IF_ERROR(embed_->Execute());
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView features, embed_->View("features"));
  encode_.Set("source", features.rows);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView input, encode_.View("features"));
  EARSHOT_RETURN_IF_ERROR(CheckShape("features", input, DType::kF32, features.rows, features.cols));
  EARSHOT_RETURN_IF_ERROR(CheckShape("features", features, DType::kF32, features.rows, input.cols));
  // Outputs of one method may lie where inputs of another one do.
  std::memmove(input.As<float>().data, features.As<const float>().data,
               static_cast<size_t>(features.rows * features.cols) * sizeof(float));
  return Status::Ok();
}

Status EngineNetwork::Encode(int64_t samples) {
  is_encoded_ = false;
  SetSamples(samples);
  if (embed_) EARSHOT_RETURN_IF_ERROR(Embed());
  EARSHOT_RETURN_IF_ERROR(encode_.Execute());
  decode_.SetAsIn(encode_);
  is_encoded_ = true;
  return Status::Ok();
}

Result<std::span<const float>> EngineNetwork::Decode(std::span<const int32_t> tokens, int64_t position) {
  const int64_t count = std::ssize(tokens);
  const auto is_known = [&](int32_t token) { return token >= 0 && token < dimensions_.vocab_size; };
  if (!is_encoded_ || count < 1 || position < 0 || position > dimensions_.max_tokens - count ||
      !std::ranges::all_of(tokens, is_known)) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "%lld tokens at position %lld: nothing is encoded, a token is unknown, or the decoder, which has "
        "room for %lld, is left",
        static_cast<long long>(count), static_cast<long long>(position),
        static_cast<long long>(dimensions_.max_tokens));
  }
  decode_.Set("tokens", count);
  decode_.Set("position", position);
  decode_.Set("end", position + count);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, decode_.View("decoder_input_ids"));
  std::ranges::copy(tokens, ids.As<int32_t>().data);
  EARSHOT_RETURN_IF_ERROR(decode_.Execute());
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, decode_.View("logits"));
  return std::span<const float>(logits.As<const float>().Row(0), static_cast<size_t>(logits.cols));
}

}  // namespace earshot::moonshine
