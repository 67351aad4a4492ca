// Binds names to indices once, then fills symbols and runs.
#include "models/whisper/engine_network.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace earshot::whisper {
namespace {

Status AsModelError(const Status& status) {
  return Status::Error(StatusCode::kInvalidModel, "%s: convert the model again", status.message());
}

Status CheckShape(const char* name, const MatrixView& view, DType dtype, int64_t rows, int64_t cols) {
  if (view.dtype == dtype && view.rows == rows && view.cols == cols && (cols == 1 || view.stride >= cols))
    return {};
  return Status::Error(StatusCode::kInvalidModel,
                       "\"%s\" is %s [%lld, %lld], expected %s [%lld, %lld]: convert the model again", name,
                       DTypeName(view.dtype), static_cast<long long>(view.rows),
                       static_cast<long long>(view.cols), DTypeName(dtype), static_cast<long long>(rows),
                       static_cast<long long>(cols));
}

}  // namespace

Result<EngineNetwork::Call> EngineNetwork::Call::Bind(const Session& session, std::string_view method,
                                                      std::span<const std::string_view> symbols) {
  Call call;
  call.method_ = session.program().FindMethod(method);
  if (call.method_ < 0) {
    return Status::Error(StatusCode::kInvalidModel, "the model has no method \"%.*s\": convert it again",
                         static_cast<int>(method.size()), method.data());
  }
  const fb::Method& declared =
      *session.program().model().methods()->Get(static_cast<flatbuffers::uoffset_t>(call.method_));
  call.num_symbols_ = declared.symbols()->size();
  if (call.num_symbols_ != symbols.size()) {
    return Status::Error(StatusCode::kInvalidModel,
                         "method \"%.*s\" has %zu symbols, expected %zu: convert the model again",
                         static_cast<int>(method.size()), method.data(), call.num_symbols_, symbols.size());
  }
  for (size_t i = 0; i < symbols.size(); ++i) {
    const Result<int> index = session.FindSymbol(call.method_, symbols[i]);
    if (!index.ok()) return AsModelError(index.status());
    call.index_[i] = index.value();
  }
  return call;
}

void EngineNetwork::Call::Set(std::span<const int64_t> values) {
  for (size_t i = 0; i < values.size(); ++i) values_[static_cast<size_t>(index_[i])] = values[i];
}

EngineNetwork::EngineNetwork(Session session, const Dimensions& dimensions)
    : session_(std::move(session)),
      vocab_size_(dimensions.tables.vocabulary.size),
      max_text_tokens_(dimensions.tables.max_text_tokens),
      max_mel_frames_(dimensions.max_mel_frames),
      num_mels_(dimensions.log_mel.num_mels) {}

Result<EngineNetwork> EngineNetwork::Create(Session session, const Dimensions& dimensions) {
  EngineNetwork network(std::move(session), dimensions);
  constexpr std::string_view kEncodeSymbols[] = {"frames"};
  constexpr std::string_view kDecodeSymbols[] = {"tokens", "position", "end", "frames"};
  EARSHOT_ASSIGN_OR_RETURN(network.encode_, Call::Bind(network.session_, "encode", kEncodeSymbols));
  EARSHOT_ASSIGN_OR_RETURN(network.decode_, Call::Bind(network.session_, "decode", kDecodeSymbols));
  EARSHOT_RETURN_IF_ERROR(network.FindValues());
  EARSHOT_RETURN_IF_ERROR(network.CheckShapes());
  if (network.session_.HasMethod(kBeamsMethod)) EARSHOT_RETURN_IF_ERROR(network.FindBeams());
  if (network.session_.HasMethod(kWindowsMethod)) EARSHOT_RETURN_IF_ERROR(network.FindWindows());
  return network;
}

Status EngineNetwork::FindValues() {
  struct Wanted {
    const Call& call;
    std::string_view name;
    int& index;
  };
  const Wanted wanted[] = {{encode_, "mel", mel_},
                           {encode_, "encoder_output", encoder_output_},
                           {decode_, "token_ids", token_ids_},
                           {decode_, "logits", logits_}};
  for (const Wanted& value : wanted) {
    const Result<int> index = session_.FindValue(value.call.method(), value.name);
    if (!index.ok()) return AsModelError(index.status());
    value.index = index.value();
  }
  return {};
}

Result<EngineNetwork::SideBySide> EngineNetwork::BindSideBySide(const Session& session,
                                                                std::string_view method,
                                                                std::span<const std::string_view> symbols) {
  SideBySide bound;
  EARSHOT_ASSIGN_OR_RETURN(bound.call, Call::Bind(session, method, symbols));
  for (const auto& [name, index] :
       {std::pair<const char*, int*>{"token_ids", &bound.token_ids}, {"logits", &bound.logits}}) {
    const Result<int> found = session.FindValue(bound.call.method(), name);
    if (!found.ok()) return AsModelError(found.status());
    *index = found.value();
  }
  return bound;
}

// Lengths are linear in the symbol: what fits the least and the most of it fits all between.
Status EngineNetwork::FindBeams() {
  constexpr std::string_view kSymbols[] = {"beams", "position", "end", "frames"};
  EARSHOT_ASSIGN_OR_RETURN(decode_beams_, BindSideBySide(session_, kBeamsMethod, kSymbols));
  encoded_frames_ = 1;  // any that may be: shapes alone are looked at
  Status status = FindBeamCaches();
  for (const int64_t count : {int64_t{1}, caches_.max_beams()}) {
    if (!status.ok()) break;
    SetDecodeBeams(count, 0);
    status = CheckLogits(decode_beams_, count);
  }
  encoded_frames_ = 0;
  return status;
}

Status EngineNetwork::FindWindows() {
  constexpr std::string_view kSymbols[] = {"windows", "position", "end", "keys"};
  EARSHOT_ASSIGN_OR_RETURN(decode_windows_, BindSideBySide(session_, kWindowsMethod, kSymbols));
  encoded_frames_ = 1;  // as above
  Status status = FindWindowCaches();
  for (const int64_t count : {int64_t{1}, window_caches_.max_windows()}) {
    if (!status.ok()) break;
    SetDecodeWindows(count, 0);
    status = CheckLogits(decode_windows_, count);
  }
  encoded_frames_ = 0;
  return status;
}

Result<MatrixView> EngineNetwork::FindState(const Call& call, const char* name) const {
  const Result<int> value = session_.FindValue(call.method(), name);
  if (!value.ok()) return AsModelError(value.status());
  return View(call, value.value());
}

Status EngineNetwork::FindBeamCaches() {
  SetDecode(1, 0);
  SetDecodeBeams(1, 0);
  char name[32], beams_name[48];
  for (int layer = 0;; ++layer) {
    std::snprintf(name, sizeof(name), "self_kv_%d", layer);
    std::snprintf(beams_name, sizeof(beams_name), "beams_%s", name);
    if (!session_.FindValue(decode_.method(), name).ok()) return Status::Ok();
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView one, FindState(decode_, name));
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView beams, FindState(decode_beams_.call, beams_name));
    EARSHOT_RETURN_IF_ERROR(CheckShape(name, one, one.dtype, max_text_tokens_, one.cols));
    EARSHOT_RETURN_IF_ERROR(caches_.AddLayer(one, beams));
  }
}

Status EngineNetwork::FindWindowCaches() {
  SetDecode(1, 0);
  SetDecodeWindows(1, 0);
  char name[32], windows_name[48];
  for (int layer = 0;; ++layer) {
    for (const char* format : {"cross_kv_%d", "cross_kv_%d_scales"}) {
      std::snprintf(name, sizeof(name), format, layer);
      std::snprintf(windows_name, sizeof(windows_name), "windows_%s", name);
      if (!session_.FindValue(decode_.method(), name).ok()) continue;  // no such layer, or no 8-bit keys
      EARSHOT_ASSIGN_OR_RETURN(const MatrixView one, FindState(decode_, name));
      EARSHOT_ASSIGN_OR_RETURN(const MatrixView windows, FindState(decode_windows_.call, windows_name));
      EARSHOT_RETURN_IF_ERROR(window_caches_.AddHeard(one, windows));
    }
    std::snprintf(windows_name, sizeof(windows_name), "windows_self_kv_%d", layer);
    if (!session_.FindValue(decode_windows_.call.method(), windows_name).ok()) return Status::Ok();
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView said, FindState(decode_windows_.call, windows_name));
    EARSHOT_RETURN_IF_ERROR(window_caches_.AddSaid(said));
  }
}

Status EngineNetwork::CheckLogits(const SideBySide& method, int64_t sequences) const {
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, View(method.call, method.token_ids));
  EARSHOT_RETURN_IF_ERROR(CheckShape("token_ids", ids, DType::kI32, sequences, 1));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, View(method.call, method.logits));
  return CheckShape("logits", logits, DType::kF32, sequences, vocab_size_);
}

Status EngineNetwork::CheckShapes() {
  SetEncode(max_mel_frames_);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView mel, View(encode_, mel_));
  EARSHOT_RETURN_IF_ERROR(CheckShape("mel", mel, DType::kF32, max_mel_frames_, num_mels_));
  encoded_frames_ = max_mel_frames_ / kMelFramesPerEncoderFrame;
  SetDecode(1, 0);
  encoded_frames_ = 0;
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, View(decode_, token_ids_));
  EARSHOT_RETURN_IF_ERROR(CheckShape("token_ids", ids, DType::kI32, 1, 1));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, View(decode_, logits_));
  return CheckShape("logits", logits, DType::kF32, 1, vocab_size_);
}

void EngineNetwork::SetEncode(int64_t mel_frames) {
  const int64_t values[] = {mel_frames / kMelFramesPerEncoderFrame};
  encode_.Set(values);
}

void EngineNetwork::SetDecode(int64_t tokens, int64_t position) {
  const int64_t values[] = {tokens, position, position + tokens, encoded_frames_};
  decode_.Set(values);
}

void EngineNetwork::SetDecodeBeams(int64_t beams, int64_t position) {
  const int64_t values[] = {beams, position, position * caches_.max_beams() + beams, encoded_frames_};
  decode_beams_.call.Set(values);
}

void EngineNetwork::SetDecodeWindows(int64_t windows, int64_t position) {
  const int64_t frames = std::max<int64_t>(1, window_caches_.frames());
  const int64_t values[] = {windows, position, position * max_windows() + windows, windows * frames};
  decode_windows_.call.Set(values);
}

Result<Matrix<float>> EngineNetwork::MelInput(int64_t mel_frames) {
  if (mel_frames < kMelFramesPerEncoderFrame || mel_frames > max_mel_frames_ ||
      mel_frames % kMelFramesPerEncoderFrame != 0) {
    return Status::Error(
        StatusCode::kInvalidArgument, "a window of %lld mel frames: it must be even, from %lld to %lld",
        static_cast<long long>(mel_frames), static_cast<long long>(kMelFramesPerEncoderFrame),
        static_cast<long long>(max_mel_frames_));
  }
  SetEncode(mel_frames);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, View(encode_, mel_));
  return view.As<float>();
}

Status EngineNetwork::Encode(int64_t mel_frames) {
  EARSHOT_ASSIGN_OR_RETURN(const Matrix<float> checked, MelInput(mel_frames));
  encoded_frames_ = 0;
  EARSHOT_RETURN_IF_ERROR(session_.Run(encode_.method(), encode_.symbols()));
  encoded_frames_ = checked.rows / kMelFramesPerEncoderFrame;
  return {};
}

Result<std::span<float>> EngineNetwork::Decode(std::span<const int32_t> tokens, int64_t position) {
  if (encoded_frames_ == 0)
    return Status::Error(StatusCode::kInvalidArgument, "decode: no window has been encoded");
  const int64_t num_tokens = std::ssize(tokens);
  if (num_tokens < 1 || position < 0 || position > max_text_tokens_ - num_tokens) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "decode: %lld tokens at position %lld; the cache holds %lld",
                         static_cast<long long>(num_tokens), static_cast<long long>(position),
                         static_cast<long long>(max_text_tokens_));
  }
  EARSHOT_RETURN_IF_ERROR(CheckTokens(tokens));
  SetDecode(num_tokens, position);
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, View(decode_, token_ids_));
  for (int64_t row = 0; row < num_tokens; ++row)
    *ids.As<int32_t>().Row(row) = tokens[static_cast<size_t>(row)];
  EARSHOT_RETURN_IF_ERROR(session_.Run(decode_.method(), decode_.symbols()));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, View(decode_, logits_));
  return std::span(logits.As<float>().data, static_cast<size_t>(vocab_size_));
}

Status EngineNetwork::CheckTokens(std::span<const int32_t> tokens) const {
  for (const int32_t token : tokens) {
    if (token >= 0 && token < vocab_size_) continue;
    return Status::Error(StatusCode::kInvalidArgument, "decode: token %d is not in the vocabulary of %lld",
                         token, static_cast<long long>(vocab_size_));
  }
  return Status::Ok();
}

Status EngineNetwork::BeginBeams(int64_t beams, int64_t tokens) {
  if (beams < 1 || beams > max_beams() || tokens < 0 || tokens > max_text_tokens_) {
    return Status::Error(StatusCode::kInvalidArgument, "%lld beams after %lld tokens; at most %lld and %lld",
                         static_cast<long long>(beams), static_cast<long long>(tokens),
                         static_cast<long long>(max_beams()), static_cast<long long>(max_text_tokens_));
  }
  num_beams_ = beams;
  caches_.Spread(beams, tokens);
  return Status::Ok();
}

Result<Matrix<float>> EngineNetwork::DecodeBeams(std::span<const int32_t> tokens, int64_t position) {
  const int64_t beams = std::ssize(tokens);
  if (encoded_frames_ == 0 || beams < 1 || beams > num_beams_ || position < 0 ||
      position >= max_text_tokens_) {
    return Status::Error(StatusCode::kInvalidArgument, "decode: %lld of %lld beams at position %lld",
                         static_cast<long long>(beams), static_cast<long long>(num_beams_),
                         static_cast<long long>(position));
  }
  SetDecodeBeams(beams, position);
  return RunSideBySide(decode_beams_, tokens);
}

Result<Matrix<float>> EngineNetwork::RunSideBySide(const SideBySide& method,
                                                   std::span<const int32_t> tokens) {
  EARSHOT_RETURN_IF_ERROR(CheckTokens(tokens));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, View(method.call, method.token_ids));
  for (int64_t row = 0; row < std::ssize(tokens); ++row)
    *ids.As<int32_t>().Row(row) = tokens[static_cast<size_t>(row)];
  EARSHOT_RETURN_IF_ERROR(session_.Run(method.call.method(), method.call.symbols()));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, View(method.call, method.logits));
  return logits.As<float>();
}

Status EngineNetwork::ReorderBeams(std::span<const int32_t> parents, int64_t begin, int64_t end) {
  const bool fits =
      std::ssize(parents) <= num_beams_ && begin >= 0 && end <= max_text_tokens_ &&
      std::ranges::all_of(parents, [&](int32_t parent) { return parent >= 0 && parent < num_beams_; });
  if (!fits) return Status::Error(StatusCode::kInvalidArgument, "beams cannot be reordered like that");
  caches_.Reorder(parents, begin, end);
  return Status::Ok();
}

Status EngineNetwork::KeepWindow(int64_t window) {
  const bool fits = encoded_frames_ > 0 && window >= 0 && window < max_windows() && window <= num_windows_ &&
                    (window == 0 || encoded_frames_ == window_caches_.frames());
  if (!fits) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "window %lld of %lld, %lld frames long, cannot be kept",
                         static_cast<long long>(window), static_cast<long long>(max_windows()),
                         static_cast<long long>(encoded_frames_));
  }
  window_caches_.Keep(window, encoded_frames_);
  num_windows_ = window + 1;
  return Status::Ok();
}

Result<Matrix<float>> EngineNetwork::DecodeWindows(std::span<const int32_t> tokens, int64_t position) {
  const int64_t windows = std::ssize(tokens);
  if (windows < 1 || windows > num_windows_ || position < 0 || position >= max_window_tokens()) {
    return Status::Error(StatusCode::kInvalidArgument, "decode: %lld of %lld windows at position %lld",
                         static_cast<long long>(windows), static_cast<long long>(num_windows_),
                         static_cast<long long>(position));
  }
  SetDecodeWindows(windows, position);
  return RunSideBySide(decode_windows_, tokens);
}

Status EngineNetwork::MoveWindow(int64_t from, int64_t to, int64_t tokens) {
  const bool fits = from >= 0 && from < num_windows_ && to >= 0 && to < num_windows_ && tokens >= 0 &&
                    tokens <= max_window_tokens();
  if (!fits) return Status::Error(StatusCode::kInvalidArgument, "windows cannot be moved like that");
  if (from != to) window_caches_.Move(from, to, tokens);
  return Status::Ok();
}

Result<Matrix<const float>> EngineNetwork::EncoderOutput() const {
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, View(encode_, encoder_output_));
  return Matrix<const float>(view.As<float>());
}

}  // namespace earshot::whisper
