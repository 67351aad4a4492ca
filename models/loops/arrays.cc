// Look-up by name, and allocation out of the run's arena.
#include "models/loops/arrays.h"

#include <charconv>
#include <cstring>

namespace earshot::loops {

const Array* Run::FindInput(std::string_view name) const {
  for (const Array& input : inputs_) {
    if (input.name == name) return &input;
  }
  return nullptr;
}

Result<Array> Run::Input(std::string_view name, DType dtype) const {
  const Array* input = FindInput(name);
  if (input == nullptr) {
    return Status::Error(StatusCode::kNotFound, "the input \"%.*s\" is missing",
                         static_cast<int>(name.size()), name.data());
  }
  if (input->dtype == dtype) return *input;
  return Status::Error(StatusCode::kInvalidArgument, "the input \"%.*s\" is of type %s, not %s",
                       static_cast<int>(name.size()), name.data(), DTypeName(input->dtype), DTypeName(dtype));
}

const Setting* Run::FindSetting(std::string_view name) const {
  const Setting* found = nullptr;
  for (const Setting& setting : settings_) {
    if (setting.name == name) found = &setting;
  }
  return found;
}

double Run::SettingOr(std::string_view name, double absent) const {
  const Setting* setting = FindSetting(name);
  return setting == nullptr ? absent : setting->value;
}

Result<void*> Run::Allocate(size_t bytes) {
  void* memory = memory_.Allocate(bytes);
  if (memory == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory,
                         "the results and buffers of this run take more than the %zu bytes for them",
                         memory_.capacity_bytes());
  }
  std::memset(memory, 0, bytes);
  return memory;
}

Result<Array*> Run::AddOutput(std::string_view name, const Shape& shape) {
  if (num_outputs_ == kMaxOutputs)
    return Status::Error(StatusCode::kOutOfMemory, "a run has at most %zu results", kMaxOutputs);
  const size_t elems = static_cast<size_t>(shape.rows * shape.cols);
  EARSHOT_ASSIGN_OR_RETURN(void* data, Allocate(static_cast<size_t>(DTypeBytes(shape.dtype, elems))));
  outputs_[num_outputs_] = {.name = name,
                            .dtype = shape.dtype,
                            .rank = shape.rank,
                            .rows = shape.rows,
                            .cols = shape.cols,
                            .data = static_cast<std::byte*>(data)};
  return &outputs_[num_outputs_++];
}

Result<std::string_view> Run::NumberedName(std::string_view prefix, int64_t number) {
  constexpr size_t kMaxDigits = 20;
  EARSHOT_ASSIGN_OR_RETURN(const std::span<char> text,
                           Scratch<char>(static_cast<int64_t>(prefix.size() + kMaxDigits)));
  std::memcpy(text.data(), prefix.data(), prefix.size());
  const auto end = std::to_chars(text.data() + prefix.size(), text.data() + text.size(), number).ptr;
  return std::string_view(text.data(), static_cast<size_t>(end - text.data()));
}

}  // namespace earshot::loops
