// Semantic validation: tensors, states, memory plan, tokenizer, front end.
#include "runtime/schema/validate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "runtime/core/dtype.h"
#include "runtime/memory/arena.h"
#include "runtime/schema/format_version.h"

namespace earshot {
namespace {

template <class... Arguments>
Status Bad(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInvalidModel, format, arguments...);
}

// [offset, offset + bytes) lies in a segment of `limit` bytes and begins at an arena-aligned offset.
bool ExtentFits(uint64_t offset, uint64_t bytes, uint64_t limit) {
  return offset % kArenaAlignment == 0 && bytes <= limit && offset <= limit - bytes;
}

bool DimensionFits(uint64_t length) { return length >= 1 && length <= static_cast<uint64_t>(kMaxDimension); }

uint64_t ExpectedScalesBytes(DType dtype, uint64_t rows, uint64_t cols) {
  if (dtype == DType::kI8) return rows * 4;
  if (dtype == DType::kI4) return rows * (cols / static_cast<uint64_t>(kI4BlockElems)) * 2;
  return 0;
}

Status ValidateTensor(const fb::Tensor& tensor, uint64_t weights_bytes) {
  const char* name = tensor.name()->c_str();
  if (static_cast<int>(tensor.dtype()) >= kNumDTypes) {
    return Bad("tensor \"%s\" has an unknown element type %d", name, static_cast<int>(tensor.dtype()));
  }
  const auto dtype = static_cast<DType>(tensor.dtype());
  if (!DimensionFits(tensor.rows()) || !DimensionFits(tensor.cols()))
    return Bad("tensor \"%s\" has an impossible shape", name);
  if (dtype == DType::kI4 && tensor.cols() % static_cast<uint64_t>(kI4BlockElems) != 0) {
    return Bad("tensor \"%s\" is int4 but its columns are no multiple of 32", name);
  }
  if (tensor.data_bytes() != DTypeBytes(dtype, uint64_t{tensor.rows()} * tensor.cols())) {
    return Bad("tensor \"%s\" has %llu bytes of data, which do not match its shape", name,
               static_cast<unsigned long long>(tensor.data_bytes()));
  }
  if (tensor.scales_bytes() != ExpectedScalesBytes(dtype, tensor.rows(), tensor.cols())) {
    return Bad("tensor \"%s\" has a wrong number of scales", name);
  }
  if (!ExtentFits(tensor.data_offset(), tensor.data_bytes(), weights_bytes) ||
      !ExtentFits(tensor.scales_offset(), tensor.scales_bytes(), weights_bytes)) {
    return Bad("the data of tensor \"%s\" lies outside the file", name);
  }
  return Status::Ok();
}

Status ValidateState(const fb::State& state, uint64_t state_bytes) {
  const char* name = state.name()->c_str();
  if (static_cast<int>(state.dtype()) >= kNumDTypes || static_cast<DType>(state.dtype()) == DType::kI4) {
    return Bad("state \"%s\" has an unusable element type", name);
  }
  if (!DimensionFits(state.rows()) || !DimensionFits(state.cols()))
    return Bad("state \"%s\" has an impossible shape", name);
  const uint64_t bytes = DTypeBytes(static_cast<DType>(state.dtype()), uint64_t{state.rows()} * state.cols());
  if (!ExtentFits(state.offset_bytes(), bytes, state_bytes))
    return Bad("state \"%s\" lies outside the state block", name);
  return Status::Ok();
}

Status ValidateTokenizer(const fb::Tokenizer& tokenizer) {
  const auto& offsets = *tokenizer.piece_offsets();
  if (offsets.size() == 0 || offsets.Get(0) != 0) return Bad("the tokenizer has no pieces");
  for (flatbuffers::uoffset_t i = 1; i < offsets.size(); ++i) {
    if (offsets.Get(i) < offsets.Get(i - 1))
      return Bad("the tokenizer's piece %u has a negative length", i - 1);
  }
  if (offsets.Get(offsets.size() - 1) > tokenizer.piece_bytes()->size())
    return Bad("the tokenizer's pieces leave their text");
  const uint32_t num_pieces = offsets.size() - 1;
  for (const fb::NamedToken* token : *tokenizer.special_tokens()) {
    if (token->id() >= num_pieces) return Bad("the special token %s has no piece", token->name()->c_str());
  }
  if (tokenizer.timestamp_begin() >= num_pieces && tokenizer.timestamp_begin() != 0) {
    return Bad("the first timestamp token %u is beyond the vocabulary", tokenizer.timestamp_begin());
  }
  return Status::Ok();
}

Status ValidateAudio(const fb::Model& model, const fb::AudioFrontEnd& audio) {
  constexpr uint32_t kMaxFftLength = 1u << 16;
  if (audio.sample_rate_hz() < 1000 || audio.sample_rate_hz() > 384000 || audio.fft_length() < 2 ||
      audio.fft_length() > kMaxFftLength || audio.fft_length() % 2 != 0 || audio.hop_length() < 1 ||
      audio.hop_length() > audio.fft_length() || audio.num_mels() < 1 || audio.num_mels() > 1024) {
    return Bad("the audio front end has impossible sizes");
  }
  if (audio.mel_filters() < 0 || static_cast<uint32_t>(audio.mel_filters()) >= model.tensors()->size()) {
    return Bad("the audio front end has no mel filters");
  }
  const fb::Tensor& filters = *model.tensors()->Get(static_cast<flatbuffers::uoffset_t>(audio.mel_filters()));
  if (filters.dtype() != fb::DType::F32 || filters.rows() != audio.num_mels() ||
      filters.cols() != audio.fft_length() / 2 + 1) {
    return Bad("the mel filters have a wrong shape or type");
  }
  return Status::Ok();
}

// Drivers check what they need of the settings; here, that they are numbers and the methods exist.
Status ValidateLoop(const fb::Model& model, const fb::Loop& loop) {
  const char* name = loop.name()->c_str();
  constexpr double kLargestSetting = 1e12;
  for (const fb::Setting* setting : *loop.settings()) {
    if (!(std::abs(setting->value()) <= kLargestSetting))
      return Bad("the setting \"%s\" of the loop \"%s\" is out of range", setting->key()->c_str(), name);
  }
  if (loop.methods()->size() == 0) return Bad("the loop \"%s\" has no methods", name);
  for (const flatbuffers::String* wanted : *loop.methods()) {
    bool is_known = false;
    for (const fb::Method* method : *model.methods())
      is_known = is_known || method->name()->string_view() == wanted->string_view();
    if (!is_known) return Bad("the loop \"%s\" runs \"%s\", which is no method", name, wanted->c_str());
  }
  return Status::Ok();
}

}  // namespace

Status ValidateModel(const fb::Model& model, uint64_t weights_bytes) {
  if (model.format_version() > kFormatVersion) {
    return Status::Error(StatusCode::kUnsupported,
                         "the model file has format version %u, this program reads up to %u: use a newer "
                         "Earshot, or convert the "
                         "checkpoint again with the earshot-convert of this version",
                         model.format_version(), kFormatVersion);
  }
  if (model.format_version() == 0) return Bad("the model file has no format version");
  if (model.weights_bytes() != weights_bytes) {
    return Bad(
        "the model file is cut short or has bytes too many: %llu bytes of weights instead of %llu; copy or "
        "convert it again",
        static_cast<unsigned long long>(weights_bytes),
        static_cast<unsigned long long>(model.weights_bytes()));
  }
  for (const fb::Tensor* tensor : *model.tensors())
    EARSHOT_RETURN_IF_ERROR(ValidateTensor(*tensor, weights_bytes));
  const fb::MemoryPlan& plan = *model.memory_plan();
  // Sums of these and of what ops add to them stay addressable.
  constexpr uint64_t kMaxPlanBytes =
      std::min(uint64_t{1} << 40, uint64_t{std::numeric_limits<size_t>::max() / 16});
  if (plan.state_bytes() > kMaxPlanBytes || plan.activation_bytes() > kMaxPlanBytes ||
      plan.io_bytes() > kMaxPlanBytes) {
    return Bad("the memory plan asks for more than %llu MB in one block",
               static_cast<unsigned long long>(kMaxPlanBytes / 1'000'000));
  }
  for (const fb::State* state : *model.states())
    EARSHOT_RETURN_IF_ERROR(ValidateState(*state, plan.state_bytes()));
  for (const fb::Method* method : *model.methods()) {
    if (const Status status = ValidateMethod(model, *method); !status.ok()) {
      return status.WithContext("method \"%s\"", method->name()->c_str());
    }
  }
  if (model.loops() != nullptr) {
    for (const fb::Loop* loop : *model.loops()) EARSHOT_RETURN_IF_ERROR(ValidateLoop(model, *loop));
  }
  if (model.tokenizer() != nullptr) EARSHOT_RETURN_IF_ERROR(ValidateTokenizer(*model.tokenizer()));
  if (model.audio() != nullptr) EARSHOT_RETURN_IF_ERROR(ValidateAudio(model, *model.audio()));
  return Status::Ok();
}

}  // namespace earshot
