// Parsing and checking of safetensors headers, and reading tensors.
#include "converter/import/safetensors.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "converter/import/json.h"

namespace earshot::checkpoint {
namespace {

// The format's own limit is 100 MB; the largest Whisper has 150 kB.
constexpr uint64_t kMaxHeaderBytes = uint64_t{32} << 20;

// Narrow whole numbers would be quantized weights, whose scales the format has no place for; wide ones are
// counters.
constexpr struct {
  const char* name;
  NumberType type;
} kTypeNames[] = {{"F64", NumberType::kF64},
                  {"F32", NumberType::kF32},
                  {"F16", NumberType::kF16},
                  {"BF16", NumberType::kBF16},
                  {"I64", NumberType::kI64}};

Status Bad(const std::string& name, const char* problem) {
  return Status::Error(StatusCode::kInvalidModel, "tensor %s: %s", name.c_str(), problem);
}

Result<NumberType> ParseType(const std::string& name, const Json& tensor) {
  const Json* dtype = Find(tensor, "dtype");
  if (dtype == nullptr || !dtype->is_string()) return Bad(name, "it has no dtype");
  const std::string& text = dtype->get_ref<const std::string&>();
  const auto known =
      std::ranges::find_if(kTypeNames, [&text](const auto& type) { return text == type.name; });
  if (known != std::end(kTypeNames)) return known->type;
  return Status::Error(StatusCode::kUnsupported,
                       "tensor %s is of the type %s; weights must be F32, F16, BF16 or F64: save the "
                       "checkpoint again in one of them, without quantization",
                       name.c_str(), text.c_str());
}

// A list of whole numbers >= 0.
Result<std::vector<int64_t>> ParseList(const std::string& name, const Json& tensor, const char* key) {
  Result<std::vector<int64_t>> list = GetIds(tensor, key);
  return list.ok() ? std::move(list) : Bad(name, "its shape or data_offsets is not a list of whole numbers");
}

Result<SafetensorsEntry> ParseEntry(const std::string& name, const Json& tensor, uint64_t data_bytes) {
  if (!tensor.is_object()) return Bad(name, "its header is not an object");
  SafetensorsEntry entry;
  EARSHOT_ASSIGN_OR_RETURN(entry.type, ParseType(name, tensor));
  EARSHOT_ASSIGN_OR_RETURN(entry.shape, ParseList(name, tensor, "shape"));
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets, ParseList(name, tensor, "data_offsets"));
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    return Bad(name, "its data_offsets are not a begin and an end");
  if (static_cast<uint64_t>(offsets[1]) > data_bytes)
    return Bad(name, "its data lies beyond the end of the file; is it complete?");
  entry.offset_bytes = static_cast<uint64_t>(offsets[0]);
  entry.size_bytes = static_cast<uint64_t>(offsets[1] - offsets[0]);
  const std::optional<uint64_t> elements = NumElements(entry.shape, data_bytes);
  if (!elements || *elements * NumberBytes(entry.type) != entry.size_bytes) {
    return Bad(name, "its shape does not make the number of bytes it has");
  }
  return entry;
}

// The tensors, in the order of their data, must follow each other without gap up to the end.
Status CheckLayout(const std::map<std::string, SafetensorsEntry>& entries, const CheckpointFile& file,
                   uint64_t data_bytes) {
  std::vector<std::pair<uint64_t, uint64_t>> extents;
  for (const auto& [name, entry] : entries) extents.emplace_back(entry.offset_bytes, entry.size_bytes);
  std::ranges::sort(extents);
  uint64_t end = 0;
  for (const auto& [offset_bytes, size_bytes] : extents) {
    if (offset_bytes != end) {
      return Status::Error(StatusCode::kInvalidModel,
                           "%s: tensors overlap or leave a gap at byte %llu of the data", file.name().c_str(),
                           static_cast<unsigned long long>(std::min(offset_bytes, end)));
    }
    end += size_bytes;
  }
  if (end == data_bytes) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "%s: %llu bytes of data belong to no tensor",
                       file.name().c_str(), static_cast<unsigned long long>(data_bytes - end));
}

}  // namespace

Result<std::map<std::string, SafetensorsEntry>> ReadSafetensorsHeader(CheckpointFile& file) {
  Cursor cursor(file);
  EARSHOT_ASSIGN_OR_RETURN(const uint64_t header_bytes,
                           cursor.ReadNumber<uint64_t>("the length of the header"));
  if (header_bytes > kMaxHeaderBytes) {
    return Status::Error(StatusCode::kInvalidModel,
                         "%s: a header of %llu bytes is not possible; is this a safetensors file?",
                         file.name().c_str(), static_cast<unsigned long long>(header_bytes));
  }
  EARSHOT_ASSIGN_OR_RETURN(const std::string text, cursor.ReadString(header_bytes, "the header"));
  EARSHOT_ASSIGN_OR_RETURN(const Json header, ParseJsonObject(text, file.name().c_str()));
  const uint64_t data_bytes = cursor.remaining_bytes();
  std::map<std::string, SafetensorsEntry> entries;
  for (const auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    EARSHOT_ASSIGN_OR_RETURN(SafetensorsEntry entry, ParseEntry(name, tensor, data_bytes));
    entries.emplace(name, std::move(entry));
  }
  EARSHOT_RETURN_IF_ERROR(CheckLayout(entries, file, data_bytes));
  for (auto& [name, entry] : entries) entry.offset_bytes += cursor.offset_bytes();
  return entries;
}

Result<std::unique_ptr<SafetensorsSource>> SafetensorsSource::Create(std::vector<CheckpointFile> files) {
  std::unique_ptr<SafetensorsSource> source(new SafetensorsSource);
  source->files_ = std::move(files);
  for (size_t i = 0; i < source->files_.size(); ++i) {
    EARSHOT_ASSIGN_OR_RETURN(auto entries, ReadSafetensorsHeader(source->files_[i]));
    for (auto& [name, entry] : entries) {
      if (source->tensors_.try_emplace(name, Tensor{std::move(entry), i}).second) continue;
      return Status::Error(StatusCode::kInvalidModel, "tensor %s is in two files, the second of which is %s",
                           name.c_str(), source->files_[i].name().c_str());
    }
  }
  return source;
}

std::vector<std::string> SafetensorsSource::NamesInFile(size_t index) const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    if (tensor.file == index) names.push_back(name);
  }
  return names;
}

Result<std::vector<float>> SafetensorsSource::Take(const std::string& name,
                                                   const std::vector<int64_t>& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return Status::Error(StatusCode::kNotFound, "the checkpoint has no tensor %s %s", name.c_str(),
                         ShapeText(shape).c_str());
  }
  Tensor& tensor = found->second;
  if (tensor.entry.shape != shape) {
    return Status::Error(StatusCode::kInvalidModel, "tensor %s has the shape %s, not %s", name.c_str(),
                         ShapeText(tensor.entry.shape).c_str(), ShapeText(shape).c_str());
  }
  if (std::exchange(tensor.is_taken, true)) {
    return Status::Error(StatusCode::kInternal, "tensor %s is taken twice", name.c_str());
  }
  std::vector<std::byte> bytes(static_cast<size_t>(tensor.entry.size_bytes));
  EARSHOT_RETURN_IF_ERROR(files_[tensor.file].Read(tensor.entry.offset_bytes, bytes));
  std::vector<float> values = ToFloats(tensor.entry.type, bytes);
  EARSHOT_RETURN_IF_ERROR(CheckFinite(name, values));
  return values;
}

void SafetensorsSource::Drop(const std::string& name) {
  if (const auto found = tensors_.find(name); found != tensors_.end()) found->second.is_taken = true;
}

std::vector<std::string> SafetensorsSource::Unused() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    if (!tensor.is_taken) names.push_back(name);
  }
  return names;
}

}  // namespace earshot::checkpoint
